import type { ApolloCache } from "@apollo/client";
import type { Policy } from "../sync/policies.js";
import { isObject, type Values } from "../sync/values.js";

/** An object as the cache stores it: by store field name, which includes the arguments. */
export type Stored = Readonly<Record<string, unknown>>;

/** `settlements({"first":5})` → `settlements`. */
export function fieldOf(storeFieldName: string): string {
  return /^[_A-Za-z]\w*/.exec(storeFieldName)?.[0] ?? storeFieldName;
}

/** What a store field name says about the arguments. */
export interface Arguments {
  readonly values: Values;
  /** Whether it names some of them only, because the application chose so (`keyArgs`). */
  readonly isPartial: boolean;
}

/** The arguments in a store field name; null when it has a form of the application's own. */
export function argumentsOf(storeFieldName: string): Arguments | null {
  const rest = storeFieldName.slice(fieldOf(storeFieldName).length);
  const isPartial = rest.startsWith(":");
  const text = isPartial ? rest.slice(1) : rest.slice(1, -1);
  try {
    const values: unknown = rest === "" ? {} : JSON.parse(text);
    return isObject(values) ? { values, isPartial } : null;
  } catch {
    return null;
  }
}

/** The cache's id of an entity; undefined when the values lack a part of its key. */
export function identify(cache: ApolloCache, policy: Policy, values: Values): string | undefined {
  const key: Record<string, unknown> = { __typename: policy.typeName };
  for (const field of policy.key) {
    if (values[field] === undefined || values[field] === null) {
      return undefined;
    }
    key[field] = values[field];
  }
  return cache.identify(key as { __typename: string });
}

/** What the cache itself holds of an object, without any optimistic layer; null when it is not there. */
export function peek(cache: ApolloCache, id: string): Stored | null {
  let stored: Record<string, unknown> | null = null;
  cache.modify({
    id,
    broadcast: false,
    fields: (value: unknown, { storeFieldName }: { storeFieldName: string }) => {
      stored ??= {};
      stored[storeFieldName] = value;
      // Given back as it is, it is no change.
      return value as never;
    },
  });
  return stored;
}

/** Drops a field by its exact name in the store, for the root layer and all above it. */
export function dropField(cache: ApolloCache, id: string, storeFieldName: string): void {
  cache.modify({
    id,
    broadcast: false,
    fields: (value: unknown, details: { storeFieldName: string; DELETE: unknown }) =>
      (details.storeFieldName === storeFieldName ? details.DELETE : value) as never,
  });
}

/** Every object in the cache by its id, without any optimistic layer. */
export function contents(cache: ApolloCache): Map<string, Stored> {
  const all = cache.extract(false) as Record<string, Stored | undefined>;
  return new Map(
    Object.entries(all).filter((entry): entry is [string, Stored] => entry[0] !== "__META" && !!entry[1]),
  );
}
