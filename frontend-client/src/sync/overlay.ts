import type { Policy } from "./policies.js";
import { isObject, isReference, type Values } from "./values.js";

/** Says that a stored value cannot be brought up to date from an event's. */
export const UNKNOWN: unique symbol = Symbol("unknown");

/**
 * The stored value after an event that carries `incoming`: the same object when nothing differs, {@link UNKNOWN} when
 * the stored one has a shape that events do not have.
 */
export function overlay(stored: unknown, incoming: unknown, typeName: string | undefined): unknown {
  if (isReference(stored) || (Array.isArray(stored) && stored.some(isReference))) {
    return UNKNOWN;
  }
  if (!isObject(incoming)) {
    return isSame(stored, incoming) ? stored : incoming;
  }
  if (isObject(stored) && stored["__typename"] !== undefined) {
    return overlayObject(stored, incoming);
  }
  const value = typeName === undefined ? incoming : { __typename: typeName, ...incoming };
  return isSame(stored, value) ? stored : value;
}

/** An object of a GraphQL type: what is stored of it stays, with the incoming values. */
function overlayObject(stored: Record<string, unknown>, incoming: Values): unknown {
  const result: Record<string, unknown> = { ...stored };
  for (const [field, value] of Object.entries(incoming)) {
    const next = overlay(stored[field], value, undefined);
    if (next === UNKNOWN) {
      return UNKNOWN;
    }
    result[field] = next;
  }
  return isSame(stored, result) ? stored : result;
}

/** The values of an event as the cache would have them after a query: with the types of nested objects. */
export function typed(policy: Policy, values: Values): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(values)) {
    const typeName = policy.objects[field];
    result[field] = typeName !== undefined && isObject(value) ? { __typename: typeName, ...value } : value;
  }
  return result;
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => key in b && isSame(a[key], b[key]));
  }
  return false;
}
