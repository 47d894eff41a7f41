import type { Put } from "../sync/changes.js";
import { isObject } from "../sync/values.js";
import { isEntity } from "./edits.js";

/** Says that a list has to be read again. */
export const READ_AGAIN: unique symbol = Symbol("read again");

/** The list with a new entity in its place; the same when it is in it already. */
export function inserted(data: unknown, { policy, values, isWhole }: Put): unknown {
  if (!Array.isArray(data)) {
    return READ_AGAIN;
  }
  const items: readonly unknown[] = data;
  if (items.some((item) => isObject(item) && isEntity(item, policy, values))) {
    return data;
  }
  const example = items.find(isObject);
  const { order } = policy;
  if (!isWhole || order === null || !example || Object.keys(example).some((field) => !(field in values))) {
    // What the list's entries have and the event does not carry is known to the server alone.
    return READ_AGAIN;
  }
  const mine = String(values[order]);
  const at = items.findIndex((item) => isObject(item) && String(item[order]) > mine);
  const entry = Object.fromEntries(Object.keys(example).map((field) => [field, values[field]]));
  return at < 0 ? [...items, entry] : [...items.slice(0, at), entry, ...items.slice(at)];
}
