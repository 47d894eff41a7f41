import type { ApolloCache } from "@apollo/client";
import type { RoomName } from "../sync/changes.js";
import type { Doubts } from "../sync/doubts.js";
import type { Policies, Policy } from "../sync/policies.js";
import { isObject, isReference } from "../sync/values.js";
import { nodesOf, removed } from "./lists.js";
import { argumentsOf, contents, fieldOf, type Stored } from "./store.js";

/** An object in the cache that belongs to a room; of the root of queries, the fields that do. */
export interface StoredObject {
  readonly stored: Stored;
  readonly policy: Policy | undefined;
}

/** What of the cache is about a room. */
export interface RoomContents {
  readonly sure: ReadonlyMap<string, StoredObject>;
  /** What may belong to it: entities of a campaign, when the cache does not say of which. */
  readonly perhaps: ReadonlyMap<string, StoredObject>;
}

/**
 * Everything in the cache that belongs to a room: the room's own entity, the entities that name it (`campaignId`), and
 * what is in their lists. Under `ROOT_QUERY` the fields whose arguments name the room or that lead to such an entity.
 */
export function storedIn(cache: ApolloCache, policies: Policies, room: RoomName): RoomContents {
  const all = contents(cache);
  const sure = reached(all, policies, room.kind, (id) => id === room.id);
  const perhaps = new Map<string, StoredObject>();
  if (room.kind === "campaign") {
    const elsewhere = reached(all, policies, room.kind, (id) => typeof id === "string" && id !== room.id);
    for (const [id, stored] of all) {
      const policy = policies.ofType(stored["__typename"]);
      if (policy && !sure.has(id) && !elsewhere.has(id)) {
        perhaps.set(id, { stored, policy });
      }
    }
  }
  const root = Object.entries(all.get("ROOT_QUERY") ?? {});
  const fields = root.filter(([name, value]) => isOf(name, value, sure, room));
  const others = root.filter(
    ([name, value]) => !fields.some(([taken]) => taken === name) && isOf(name, value, perhaps, null),
  );
  addRoot(sure, fields);
  addRoot(perhaps, others);
  return { sure, perhaps };
}

/** The entities of those rooms of a kind whose ids are meant: they name one, or are in the lists of such. */
function reached(
  all: ReadonlyMap<string, Stored>,
  policies: Policies,
  kind: string,
  isMeant: (id: unknown) => boolean,
): Map<string, StoredObject> {
  const parent = `${kind}Id`;
  const own = policies.ofKind(kind);
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
      own !== undefined && own.typeName === stored["__typename"] && isMeant(stored[own.key.at(-1) ?? "id"]);
    if (isOwn || isMeant(stored[parent])) {
      include(id);
    }
  }
  for (const [name, value] of Object.entries(all.get("ROOT_QUERY") ?? {})) {
    if (isMeant(argumentsOf(name)?.values[parent])) {
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
  return found;
}

function addRoot(found: Map<string, StoredObject>, fields: readonly [string, unknown][]): void {
  if (fields.length > 0) {
    found.set("ROOT_QUERY", { stored: Object.fromEntries(fields), policy: undefined });
  }
}

/**
 * Takes everything of a room out of the cache; queries for it are answered as the server would: with null. What may be of
 * it is noted as out of date: the server refuses it when it is.
 */
export function forget(cache: ApolloCache, policies: Policies, room: RoomName, doubts: Doubts): void {
  const { sure, perhaps } = storedIn(cache, policies, room);
  const fields = sure.get("ROOT_QUERY")?.stored ?? {};
  const entities = [...sure].filter(([id]) => id !== "ROOT_QUERY");
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
      for (const [id, { policy, stored }] of listed ? entities : []) {
        if (listed && policy === listed.policy) {
          rest = removed(rest, { ...listed, values: stored, ref: { __ref: id }, read: readField }).value;
        }
      }
      return rest;
    }) as never,
  });
  for (const [id] of entities) {
    cache.evict({ id, broadcast: false });
  }
  for (const [id, { stored, policy }] of perhaps) {
    doubts.add(id, unkeyed(stored, policy));
  }
}

/** The stored names of an entity's fields that are no part of its key. */
export function unkeyed(stored: Stored, policy: Policy | undefined): string[] {
  return Object.keys(stored).filter((name) => name !== "__typename" && !policy?.key.includes(name));
}

function includeNodes(value: unknown, include: (id: string) => void): void {
  for (const node of nodesOf(value) ?? []) {
    if (isReference(node)) {
      include(node.__ref);
    }
  }
}

/** Whether a field of the root is the room's alone; without a room, whether it is about these entities. */
function isOf(
  name: string,
  value: unknown,
  found: ReadonlyMap<string, StoredObject>,
  room: RoomName | null,
): boolean {
  if (value === null) {
    // What the user was refused, or had lost: with the room it may be there.
    return room !== null;
  }
  if (isReference(value)) {
    return found.has(value.__ref);
  }
  const args = argumentsOf(name)?.values ?? {};
  if (room && args[`${room.kind}Id`] === room.id) {
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
