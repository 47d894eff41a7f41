import type { ApolloCache } from "@apollo/client";
import type { RoomName } from "../sync/changes.js";
import type { Policies, Policy } from "../sync/policies.js";
import { isObject, isReference } from "../sync/values.js";
import { nodesOf, removed } from "./lists.js";
import { argumentsOf, contents, fieldOf, type Stored } from "./store.js";

/** An object in the cache that belongs to a room; of the root of queries, the fields that do. */
export interface StoredObject {
  readonly stored: Stored;
  readonly policy: Policy | undefined;
}

/**
 * Everything in the cache that belongs to a room: the room's own entity, the entities that name it (`campaignId`), and
 * what is in their lists. Under `ROOT_QUERY` the fields whose arguments name the room or that lead to such an entity.
 */
export function storedIn(cache: ApolloCache, policies: Policies, room: RoomName): Map<string, StoredObject> {
  const all = contents(cache);
  const parent = `${room.kind}Id`;
  const own = policies.ofKind(room.kind);
  const found = new Map<string, StoredObject>();
  const queue: string[] = [];
  const include = (id: string) => {
    const stored = all.get(id);
    const policy = policies.ofType(stored?.["__typename"]);
    if (stored && policy && !found.has(id)) {
      found.set(id, { stored, policy });
      queue.push(id);
    }
  };
  for (const [id, stored] of all) {
    const isOwn =
      own !== undefined &&
      own.typeName === stored["__typename"] &&
      stored[own.key.at(-1) ?? "id"] === room.id;
    if (isOwn || stored[parent] === room.id) {
      include(id);
    }
  }
  const root = all.get("ROOT_QUERY") ?? {};
  for (const [name, value] of Object.entries(root)) {
    if (argumentsOf(name)?.values[parent] === room.id) {
      includeNodes(value, include);
    }
  }
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    const stored = all.get(id) ?? {};
    for (const [name, value] of Object.entries(stored)) {
      if (policies.ofList(String(stored["__typename"]), fieldOf(name))) {
        includeNodes(value, include);
      }
    }
  }
  const fields = Object.entries(root).filter(([name, value]) => isOf(name, value, found, parent, room));
  if (fields.length > 0) {
    found.set("ROOT_QUERY", { stored: Object.fromEntries(fields), policy: undefined });
  }
  return found;
}

/** Takes everything of a room out of the cache; queries for it are answered as the server would: with null. */
export function forget(cache: ApolloCache, policies: Policies, room: RoomName): void {
  const found = storedIn(cache, policies, room);
  const fields = found.get("ROOT_QUERY")?.stored ?? {};
  found.delete("ROOT_QUERY");
  cache.modify({
    id: "ROOT_QUERY",
    broadcast: false,
    fields: ((
      value: unknown,
      { storeFieldName, readField }: { storeFieldName: string; readField: never },
    ) => {
      if (storeFieldName in fields) {
        return null;
      }
      const listed = policies.ofList("Query", fieldOf(storeFieldName));
      let rest = value;
      for (const [id, { policy, stored }] of listed ? found : []) {
        if (listed && policy === listed.policy) {
          rest = removed(rest, { ...listed, values: stored, ref: { __ref: id }, read: readField }).value;
        }
      }
      return rest;
    }) as never,
  });
  for (const id of found.keys()) {
    cache.evict({ id, broadcast: false });
  }
}

function includeNodes(value: unknown, include: (id: string) => void): void {
  for (const node of nodesOf(value) ?? []) {
    if (isReference(node)) {
      include(node.__ref);
    }
  }
}

/** Whether a field of the root is the room's alone. */
function isOf(
  name: string,
  value: unknown,
  found: ReadonlyMap<string, StoredObject>,
  parent: string,
  room: RoomName,
): boolean {
  if (value === null) {
    // What the user was refused, or had lost: with the room it may be there.
    return true;
  }
  if (isReference(value)) {
    return found.has(value.__ref);
  }
  const args = argumentsOf(name)?.values ?? {};
  if (args[parent] === room.id) {
    return true;
  }
  // A list that some entity of the room chose, such as the structures of one settlement.
  return (
    Object.entries(args).some(([argument, id]) => {
      const kind = /^(\w+)Id$/.exec(argument)?.[1];
      return [...found.values()].some(
        ({ policy, stored }) =>
          kind !== undefined && policy?.kind === kind && stored[policy.key.at(-1) ?? "id"] === id,
      );
    }) &&
    (isObject(value) || Array.isArray(value))
  );
}
