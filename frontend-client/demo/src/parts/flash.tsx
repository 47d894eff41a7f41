import { type ReactNode, useEffect, useRef, useState } from "react";

/** How often a value has changed since it was first shown. */
export function useChanges(value: unknown): number {
  const [changes, setChanges] = useState(0);
  const last = useRef(value);
  useEffect(() => {
    if (!Object.is(last.current, value)) {
      const wasKnown = last.current !== undefined && last.current !== null;
      last.current = value;
      if (wasKnown) {
        setChanges((before) => before + 1);
      }
    }
  }, [value]);
  return changes;
}

export interface FlashProps {
  readonly value: string | number | boolean | null | undefined;
  /** What to show for the value; the value itself unless given. */
  readonly children?: ReactNode;
  readonly testId?: string | undefined;
}

/** Shows a value, and lights up once whenever it has changed. */
export function Flash({ value, children, testId }: FlashProps) {
  const changes = useChanges(value);
  return (
    // A new element for each change, so that the animation begins anew.
    <span
      key={changes}
      className={changes > 0 ? "flash" : undefined}
      data-changes={changes}
      data-testid={testId}
    >
      {children ?? value}
    </span>
  );
}
