import { type RefObject, useInsertionEffect, useRef } from "react";

/**
 * Holds the value of the last render that was committed. A render that React throws away never shows here,
 * and it is set before any effect or event can read it.
 */
export function useLatest<T>(value: T): Readonly<RefObject<T>> {
  const latest = useRef(value);
  useInsertionEffect(() => {
    latest.current = value;
  });
  return latest;
}
