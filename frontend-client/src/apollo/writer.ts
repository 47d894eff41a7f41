import type { ApolloCache, Reference } from "@apollo/client";
import type { Change, Doubt, Put, Remove } from "../sync/changes.js";
import { Doubts } from "../sync/doubts.js";
import { overlay, typed, UNKNOWN } from "../sync/overlay.js";
import type { ListPolicy, Policies, Policy } from "../sync/policies.js";
import { isReference, type Values } from "../sync/values.js";
import { fragmentFor } from "./fragment.js";
import { type Entry, inserted, isEntry, isListOf, nodesOf, READ_AGAIN, removed } from "./lists.js";
import { forget, storedIn, unkeyed } from "./rooms.js";
import { argumentsOf, contents, fieldOf, identify, peek, type Stored } from "./store.js";

/** Of how many deleted entities it is remembered that they are gone, for answers that still have them. */
const REMEMBERED_DELETIONS = 10_000;

/** That a change is made again, after an answer that may not know it. */
export interface Late {
  /** The entities that the answer has without a version: what the cache says of theirs proves nothing. */
  readonly unversioned: ReadonlySet<string>;
}

type Modifier = (value: unknown, details: { storeFieldName: string; readField: ReadField }) => unknown;
type ReadField = (field: string, from?: unknown) => unknown;

/** Makes the changes in the cache that follow from events. To be used inside a `cache.batch`. */
export class Writer {
  /**
   * Entities whose version in the cache proves nothing any more: in a restored database they count from an earlier one.
   * The next answer that has them is believed.
   */
  readonly unproven = new Set<string>();
  readonly #cache: ApolloCache;
  readonly #policies: Policies;
  readonly #deleted = new Set<string>();

  constructor(cache: ApolloCache, policies: Policies) {
    this.#cache = cache;
    this.#policies = policies;
  }

  /** Makes the change as far as it can be made; notes what is out of date after it and has to be read again. */
  make(change: Change, doubts: Doubts, late: Late | null = null): void {
    switch (change.do) {
      case "put":
        this.#put(change, doubts, late);
        break;
      case "remove":
        this.#remove(change, doubts);
        break;
      case "doubt":
        this.#doubt(change, doubts);
        break;
      case "forget":
        forget(this.#cache, this.#policies, change.room, doubts);
        break;
      case "rewind":
        this.#rewind();
        break;
    }
  }

  #put(change: Put, doubts: Doubts, late: Late | null): void {
    const { policy, values, version, isNew, changed } = change;
    const id = identify(this.#cache, policy, values);
    if (id === undefined || (this.#deleted.has(id) && !(isNew && this.#deleted.delete(id)))) {
      return;
    }
    const stored = peek(this.#cache, id);
    const held = stored?.["version"];
    const isNewer =
      version === null ||
      typeof held !== "number" ||
      version > held ||
      late?.unversioned.has(id) ||
      this.unproven.has(id);
    if (stored && isNewer) {
      this.#update(id, stored, change, doubts);
    }
    // What the cache has of the same version may be a part of it: the lists below need the rest.
    const isPart = stored && isNew && (isNewer || version === held);
    if (change.isWhole && (!stored || isPart)) {
      this.#complete(id, stored, change);
    }
    const moved = isNewer && policy.lists.some(({ where = {} }) => intersects(Object.values(where), changed));
    if (isNew || moved) {
      this.#place(id, change, doubts, late !== null);
    }
  }

  /** Brings what the cache holds of an entity up to date. */
  #update(id: string, stored: Stored, change: Put, doubts: Doubts): void {
    const { policy, values, fields, version } = change;
    const isOutdated = this.#outdating(stored, change);
    if (fields === null) {
      doubts.add(
        id,
        Object.keys(stored).filter((name) => isOutdated(name) || name === "version"),
      );
      return;
    }
    const next = new Map<string, unknown>();
    for (const [name, value] of Object.entries(stored)) {
      const isCarried = name in values && fields.includes(name);
      const result = isCarried ? overlay(value, values[name], policy.objects[name]) : UNKNOWN;
      if (result !== UNKNOWN) {
        if (result !== value) {
          next.set(name, result);
        }
      } else if (isOutdated(name) || (isCarried && !this.#isLink(policy, name, stored))) {
        doubts.add(id, [name]);
      }
    }
    if (version !== null && version !== stored["version"]) {
      next.set("version", version);
    }
    // Only what differs: this is done for every event.
    const modifier: Modifier = (value, { storeFieldName }) =>
      next.has(storeFieldName) ? next.get(storeFieldName) : value;
    const modifiers = Object.fromEntries([...next.keys()].map((name) => [name, modifier]));
    this.#cache.modify({ id, broadcast: false, fields: modifiers as never });
  }

  /** Which fields of an entity are out of date after a change, as far as it does not carry them. */
  #outdating(stored: Stored, { policy, fields, changed, version }: Put): (name: string) => boolean {
    const held = stored["version"];
    // Versions may have been skipped, or the event says nothing: then whatever is not carried may have changed.
    const isGap = version !== null && typeof held === "number" && version > held + 1;
    const isAny = fields === null ? changed.length === 0 : isGap;
    return (name) => {
      const field = fieldOf(name);
      if (["__typename", "version", ...policy.key].includes(name)) {
        return false;
      }
      const isNamed =
        changed.includes(field) || (isReference(stored[name]) && changed.includes(`${field}Id`));
      const isList = this.#policies.ofList(policy.typeName, field) !== undefined;
      return isNamed || (isAny && !isList && !policy.computed.includes(field));
    };
  }

  /** Whether a field leads to other entities, which have their own events. */
  #isLink(policy: Policy, name: string, stored: Stored): boolean {
    return isReference(stored[name]) || this.#policies.ofList(policy.typeName, fieldOf(name)) !== undefined;
  }

  /** Writes the fields that the cache does not have. */
  #complete(id: string, stored: Stored | null, { policy, values, fields, version }: Put): void {
    const carried = [...(fields ?? []), ...policy.key];
    const missing = carried.filter((field) => values[field] !== undefined && !(stored && field in stored));
    const data: Record<string, unknown> = typed(
      policy,
      Object.fromEntries(missing.map((field) => [field, values[field]])),
    );
    if (version !== null && !(stored && "version" in stored)) {
      data["version"] = version;
    }
    data["__typename"] = policy.typeName;
    this.#cache.writeFragment({ id, fragment: fragmentFor(policy.typeName, data), data, broadcast: false });
  }

  /** Puts an entity into the lists that it belongs to, and takes it out of those that it does not. */
  #place(
    id: string,
    { policy, values, changed, isNew, isWhole }: Put,
    doubts: Doubts,
    isLate: boolean,
  ): void {
    this.#eachList(policy, values, changed, (list, owner, args, storeFieldName) => {
      this.#modify(owner, (value, { storeFieldName: name, readField }) => {
        if (name !== storeFieldName) {
          return value;
        }
        const entry = entryOf(id, policy, list, values, readField);
        const isMember =
          list.on === "Query" ? args && isListOf(list, args, values) : this.#owns(owner, list, values);
        if (isMember === false) {
          const result = removed(value, entry, args?.isPartial);
          if (!isNew && !result.isWhole) {
            doubts.add(owner, [name]);
          }
          return result.value;
        }
        if (isMember === null || args === null || value === null) {
          doubts.add(owner, [name]);
          return value;
        }
        const at = nodesOf(value)?.find((node) => isEntry(node, entry));
        if (at !== undefined) {
          if (!isReference(at)) {
            // Kept inside the list, where no event can reach it.
            doubts.add(owner, [name]);
          }
          return value;
        }
        const canBeShown = isWhole || (!isNew && peek(this.#cache, id) !== null);
        const next = canBeShown ? inserted(value, args, entry) : READ_AGAIN;
        if (next === READ_AGAIN || (isLate && next !== value)) {
          // The query that is being answered may show more of the entry than its event carries.
          doubts.add(owner, [name]);
        }
        return next === READ_AGAIN ? value : next;
      });
    });
  }

  #remove({ policy, values }: Remove, doubts: Doubts): void {
    const id = identify(this.#cache, policy, values);
    if (id === undefined) {
      return;
    }
    this.#rememberDeleted(id);
    this.unproven.delete(id);
    this.#eachList(policy, values, [], (list, owner, args, storeFieldName) => {
      this.#modify(owner, (value, { storeFieldName: name, readField }) => {
        if (name !== storeFieldName) {
          return value;
        }
        const result = removed(value, entryOf(id, policy, list, values, readField), args?.isPartial);
        if (!result.isWhole) {
          doubts.add(owner, [name]);
        }
        return result.value;
      });
    });
    // A query for it would be answered with null.
    this.#modify("ROOT_QUERY", (value) => (isReference(value) && value.__ref === id ? null : value));
    this.#cache.evict({ id, broadcast: false });
  }

  #doubt({ of, fields }: Doubt, doubts: Doubts): void {
    if (of instanceof Doubts) {
      doubts.addAll(of);
      return;
    }
    if ("kind" in of) {
      const isAll = fields === "all";
      const { sure, perhaps } = storedIn(this.#cache, this.#policies, of);
      for (const [id, { stored, policy }] of [...sure, ...perhaps]) {
        const names = policy && !isAll ? named(stored, fields ?? policy.computed) : [];
        doubts.add(id, isAll ? unkeyed(stored, policy) : names);
      }
      if (of.kind === "user") {
        this.#doubtMemberships(doubts);
      }
      return;
    }
    for (const { policy, values } of of) {
      const id = identify(this.#cache, policy, values);
      const stored = id === undefined ? null : peek(this.#cache, id);
      if (id !== undefined && stored) {
        doubts.add(id, fields === "all" ? unkeyed(stored, policy) : named(stored, fields ?? policy.computed));
      }
    }
  }

  /** What a user may see at all: the lists that no argument chooses, and the user's own roles. */
  #doubtMemberships(doubts: Doubts): void {
    const lists = [...this.#policies.all()].flatMap(({ lists }) => lists);
    const own = lists.filter(({ on, where }) => on === "Query" && where === undefined);
    for (const [id, stored] of contents(this.#cache)) {
      if (id === "ROOT_QUERY") {
        doubts.add(
          id,
          named(
            stored,
            own.map(({ field }) => field),
          ),
        );
      } else if (this.#policies.ofType(stored["__typename"])?.kind === "campaign") {
        doubts.add(id, named(stored, ["myRole"]));
      }
    }
  }

  #rewind(): void {
    this.#deleted.clear();
    for (const [id, stored] of contents(this.#cache)) {
      if ("version" in stored) {
        this.unproven.add(id);
      }
    }
  }

  /** Calls `visit` for every list in the cache that an entity may be in. */
  #eachList(
    policy: Policy,
    values: Values,
    changed: readonly string[],
    visit: (
      list: ListPolicy,
      owner: string,
      args: ReturnType<typeof argumentsOf>,
      storeFieldName: string,
    ) => void,
  ): void {
    for (const list of policy.lists) {
      const mayHaveMoved = intersects(Object.values(list.where ?? {}), changed);
      for (const owner of this.#owners(list, values, mayHaveMoved)) {
        for (const storeFieldName of Object.keys(peek(this.#cache, owner) ?? {})) {
          if (fieldOf(storeFieldName) === list.field) {
            visit(list, owner, argumentsOf(storeFieldName), storeFieldName);
          }
        }
      }
    }
  }

  #owners(list: ListPolicy, values: Values, mayHaveMoved: boolean): string[] {
    if (list.on === "Query") {
      return ["ROOT_QUERY"];
    }
    if (mayHaveMoved) {
      const all = this.#cache.extract(false) as Record<string, Stored | undefined>;
      return Object.keys(all).filter((id) => all[id]?.["__typename"] === list.on);
    }
    const owner = this.#ownerOf(list, values);
    return owner === undefined ? [] : [owner];
  }

  #ownerOf(list: ListPolicy, values: Values): string | undefined {
    const key = Object.entries(list.where ?? {}).map(([field, from]) => [field, values[from]] as const);
    if (key.some(([, value]) => value === undefined)) {
      return undefined;
    }
    return this.#cache.identify({ __typename: list.on, ...Object.fromEntries(key) });
  }

  #owns(owner: string, list: ListPolicy, values: Values): boolean | null {
    const rightful = this.#ownerOf(list, values);
    return rightful === undefined ? null : rightful === owner;
  }

  #modify(id: string, modifier: Modifier): void {
    this.#cache.modify({ id, broadcast: false, fields: modifier as never });
  }

  #rememberDeleted(id: string): void {
    this.#deleted.add(id);
    if (this.#deleted.size > REMEMBERED_DELETIONS) {
      const [oldest] = this.#deleted;
      this.#deleted.delete(oldest ?? id);
    }
  }
}

function entryOf(id: string, policy: Policy, list: ListPolicy, values: Values, readField: ReadField): Entry {
  const ref: Reference = { __ref: id };
  return { policy, list, values, ref, read: (field, from) => readField(field, from) };
}

/** The stored names of fields, whatever their arguments. */
function named(stored: Stored, fields: readonly string[]): string[] {
  return Object.keys(stored).filter((name) => fields.includes(fieldOf(name)));
}

function intersects(some: readonly string[], others: readonly string[]): boolean {
  return some.some((one) => others.includes(one));
}
