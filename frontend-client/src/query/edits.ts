import { matchQuery, type Query, type QueryKey } from "@tanstack/react-query";
import type { Change, Doubt, Put, RoomName } from "../sync/changes.js";
import { overlay, UNKNOWN } from "../sync/overlay.js";
import type { Policies, Policy } from "../sync/policies.js";
import { isObject, type Values } from "../sync/values.js";
import type { QueryPolicies } from "./policies.js";

/** Stands for an entity that is no more. */
const GONE: unique symbol = Symbol("gone");

type Part = Readonly<Record<string, unknown>>;

/** What becomes of a query's data. */
export interface Edited {
  readonly data: unknown;
  /** Some of it is out of date, and no event carries it. */
  readonly isOutdated: boolean;
  /** Some of it may be of a room that was lost: it may not stay, and only the server can tell. */
  readonly isPerhapsLost: boolean;
}

/** Changes, made ready to be looked up by the entities that they are about. */
export class Edits {
  readonly #byEntity = new Map<string, Change[]>();
  readonly #rooms: Change[] = [];
  readonly #keyFields: readonly string[];
  readonly #policies: Policies;
  readonly #listsOf: QueryPolicies["listsOf"];
  #query: Query | null = null;
  /** What the object being looked at is inside of, and the parts of the query's key. */
  #above: unknown[] = [];
  #isOutdated = false;
  #isPerhapsLost = false;

  constructor(changes: readonly Change[], { policies, listsOf }: QueryPolicies) {
    this.#policies = policies;
    this.#listsOf = listsOf;
    this.#keyFields = [...new Set([...policies.all()].map(lastKey))];
    for (const change of changes) {
      if (change.do === "put" || change.do === "remove") {
        this.#index(change.policy, change.values, change);
      } else if (change.do === "doubt" && Array.isArray(change.of)) {
        for (const { policy, values } of change.of) {
          this.#index(policy, values, { ...change, of: [{ policy, values }] });
        }
      } else {
        this.#rooms.push(change);
      }
    }
  }

  /** A query's data after the changes: the same object when they are not about it. */
  make(query: Query): Edited {
    const { data } = query.state;
    const key = query.queryKey;
    this.#query = query;
    this.#above = [...key];
    this.#isOutdated = false;
    this.#isPerhapsLost = false;
    const edited = this.#edit(data);
    let result = edited === GONE ? null : edited;
    for (const change of this.#rooms) {
      // What was refused, or lost, may be there with the room.
      this.#isOutdated ||= data === null && change.do === "doubt" && change.fields === "all";
      if (change.do === "doubt" && roomOf(change)?.kind === "user") {
        const own: Doubt = { ...change, fields: ["myRole"] };
        this.#isOutdated ||= this.#isListOfCampaigns() || isDoubtedWithin(own, result, this.#policies);
      }
      if (isNamed(key, change)) {
        this.#isOutdated ||= change.do === "doubt" && isDoubtedWithin(change, result, this.#policies);
        result = change.do === "forget" ? emptied(result) : result;
      }
    }
    return { data: result, isOutdated: this.#isOutdated, isPerhapsLost: this.#isPerhapsLost };
  }

  #index(policy: Policy, values: Values, change: Change): void {
    const name = nameOf(lastKey(policy), values[lastKey(policy)]);
    this.#byEntity.set(name, [...(this.#byEntity.get(name) ?? []), change]);
  }

  #edit(value: unknown): unknown {
    if (Array.isArray(value)) {
      const items = value.map((item) => this.#edit(item));
      const isSame = items.every((item, index) => item === value[index]);
      return isSame ? value : items.filter((item) => item !== GONE);
    }
    return isPlain(value) ? this.#editObject(value) : value;
  }

  #editObject(value: Part): unknown {
    let object: Part = value;
    for (const change of this.#about(value)) {
      const next = this.#apply(change, object);
      if (next === GONE) {
        return GONE;
      }
      object = next;
    }
    this.#above.push(value);
    for (const [field, part] of Object.entries(object)) {
      const next = this.#edit(part);
      if (next === GONE && field === "node") {
        // The edge of a connection.
        this.#above.pop();
        return GONE;
      }
      if (next === GONE && this.#isNamedAfter(field, part)) {
        const { [field]: _, ...rest } = object;
        object = rest;
      } else if (next !== part) {
        object = { ...object, [field]: next === GONE ? null : next };
      }
    }
    this.#above.pop();
    const info = object["pageInfo"];
    if (object !== value && isObject(info) && lengthOf(object) < lengthOf(value)) {
      // The page is one short, and only the server knows what follows.
      this.#isOutdated ||= info["hasNextPage"] !== false;
    }
    return object;
  }

  /** Whether an entity is kept under its own id, as an entry of a record. */
  #isNamedAfter(field: string, part: unknown): boolean {
    return isObject(part) && this.#keyFields.some((key) => part[key] === field);
  }

  /** The changes that are about an object. */
  #about(value: Part): Change[] {
    const found: Change[] = [];
    for (const field of this.#keyFields) {
      for (const change of this.#byEntity.get(nameOf(field, value[field])) ?? []) {
        const { policy, values } = subjectOf(change);
        if (!policy || !isEntity(value, policy, values)) {
          continue;
        }
        if (policy.key.length === 1 || this.#isSurely(value, policy, values)) {
          found.push(change);
        } else {
          this.#isOutdated ||= this.#isPerhaps(value, policy, values) && isTouched(value, change);
        }
      }
    }
    for (const change of this.#rooms) {
      if (isInRoom(value, change, this.#policies)) {
        found.push(change);
      } else if (this.#isPerhapsIn(value, change)) {
        this.#isPerhapsLost ||= change.do === "forget";
        this.#isOutdated ||= change.do === "doubt" && isDoubted(change, value, this.#policies);
      }
    }
    return found;
  }

  /** Whether an object is an entity of a campaign, and nothing in it or around it says of which. */
  #isPerhapsIn(object: Part, change: Change): boolean {
    const room = roomOf(change);
    const around = [object, ...this.#above];
    return (
      room?.kind === "campaign" &&
      isKnownKind(object, this.#policies) &&
      !around.some((part) => names(part, room.id) || namesCampaign(part, this.#policies)) &&
      !this.#isListOfCampaigns(room.id)
    );
  }

  #isListOfCampaigns(id?: string): boolean {
    const policy = this.#policies.ofKind("campaign");
    return policy !== undefined && this.#isListed(policy, id === undefined ? {} : { [lastKey(policy)]: id });
  }

  #isListed({ typeName }: Policy, entity: Values): boolean {
    return this.#listsOf(typeName, entity).some(
      (queryKey) => this.#query !== null && matchQuery({ queryKey }, this.#query),
    );
  }

  /**
   * Whether an object with the last field of a key of several is the entity, and not something else that has such a field,
   * as a message has the `userId` of who wrote it: it is in one of the entity's lists, or has the whole key.
   */
  #isSurely(value: Part, policy: Policy, entity: Values): boolean {
    const isWhole = policy.key.every((field) => value[field] !== undefined);
    return (isWhole && isOwnKind(value, policy)) || this.#isListed(policy, entity);
  }

  /** Whether it may be the entity: what it lacks of the key is said above it. */
  #isPerhaps(value: Part, policy: Policy, entity: Values): boolean {
    return (
      isOwnKind(value, policy) &&
      policy.key.every(
        (field) => value[field] !== undefined || this.#above.some((part) => names(part, entity[field])),
      )
    );
  }

  #apply(change: Change, object: Part): Part | typeof GONE {
    switch (change.do) {
      case "put":
        return this.#put(change, object);
      case "remove":
        return GONE;
      case "doubt":
        this.#isOutdated ||= isDoubted(change, object, this.#policies);
        return object;
      case "forget":
        return GONE;
      case "rewind":
        // What is read again takes the place of all that a query has, whatever its versions.
        return object;
    }
  }

  #put({ policy, values, fields, changed, version }: Put, object: Part): Part {
    const held = object["version"];
    if (version !== null && typeof held === "number" && held >= version) {
      return object;
    }
    const isGap = version !== null && typeof held === "number" && version > held + 1;
    let next = object;
    for (const [name, value] of Object.entries(object)) {
      if (name === "version" || policy.key.includes(name)) {
        continue;
      }
      const isCarried = fields?.includes(name) && name in values;
      const result = isCarried ? overlay(value, values[name], undefined) : UNKNOWN;
      if (result === UNKNOWN) {
        const isPart = Array.isArray(value) || isObject(value);
        const isMissed = (isGap || (fields === null && changed.length === 0)) && !isPart;
        this.#isOutdated ||= changed.includes(name) || (isMissed && !policy.computed.includes(name));
      } else if (result !== value) {
        next = { ...next, [name]: result };
      }
    }
    // Without data the version stays as it is, until the entity has been read.
    return typeof held === "number" && version !== null && fields !== null ? { ...next, version } : next;
  }
}

/** Whether a change of what may be this object can be seen in it. */
function isTouched(object: Part, change: Change): boolean {
  return change.do !== "put" || (change.fields ?? change.changed).some((field) => field in object);
}

/** Whether an object with an entity's key is of its kind: it says so, or has no identity of its own. */
function isOwnKind(object: Part, { key }: Policy): boolean {
  return object["__typename"] !== undefined || !("id" in object) || key.includes("id");
}

/** Whether an object is this entity: by its key, as far as it has it. */
export function isEntity(value: Part, policy: Policy, entity: Values): boolean {
  const typeName = value["__typename"];
  if (typeName !== undefined && typeName !== policy.typeName) {
    return false;
  }
  const last = lastKey(policy);
  return policy.key.every(
    (field) => value[field] === entity[field] || (value[field] === undefined && field !== last),
  );
}

function subjectOf(change: Change): { policy: Policy | null; values: Values } {
  if (change.do === "put" || change.do === "remove") {
    return change;
  }
  const [first] = change.do === "doubt" && Array.isArray(change.of) ? change.of : [];
  return first ?? { policy: null, values: {} };
}

function isDoubted(doubt: Doubt, object: Part, policies: Policies): boolean {
  if (doubt.fields === "all") {
    return true;
  }
  const policy = subjectOf(doubt).policy ?? policies.ofType(object["__typename"]);
  const computed = policy?.computed ?? [...policies.all()].flatMap((each) => each.computed);
  return (doubt.fields ?? computed).some((field) => field in object);
}

function isDoubtedWithin(doubt: Doubt, data: unknown, policies: Policies): boolean {
  if (doubt.fields === "all") {
    return true;
  }
  if (Array.isArray(data)) {
    return data.some((item) => isDoubtedWithin(doubt, item, policies));
  }
  return (
    isPlain(data) &&
    (isDoubted(doubt, data, policies) || isDoubtedWithin(doubt, Object.values(data), policies))
  );
}

function isInRoom(object: Part, change: Change, policies: Policies): boolean {
  const room = roomOf(change);
  if (!room) {
    return false;
  }
  const own = policies.ofKind(room.kind);
  return object[`${room.kind}Id`] === room.id || (own !== undefined && object[lastKey(own)] === room.id);
}

/** Whether an object is an entity that events are about: by its type, or by having a version. */
function isKnownKind(object: Part, policies: Policies): boolean {
  const typeName = object["__typename"];
  return typeName === undefined
    ? typeof object["version"] === "number"
    : policies.ofType(typeName) !== undefined;
}

/** Whether a part of a query's key, or an object, says which campaign it is of. */
function namesCampaign(part: unknown, policies: Policies): boolean {
  return (
    isObject(part) &&
    (part["campaignId"] !== undefined || policies.ofType(part["__typename"])?.kind === "campaign")
  );
}

function roomOf(change: Change): RoomName | null {
  if (change.do === "forget") {
    return change.room;
  }
  return change.do === "doubt" && "kind" in change.of ? change.of : null;
}

/** Whether a query's key names the room of a change. */
function isNamed(key: QueryKey, change: Change): boolean {
  const room = roomOf(change);
  return room !== null && key.some((part) => names(part, room.id));
}

/** Whether a part of a query's key, or an object, names an entity. */
function names(part: unknown, id: unknown): boolean {
  return part === id || (isObject(part) && Object.values(part).includes(id));
}

/** The data of a query about something that the user has lost. */
function emptied(data: unknown): unknown {
  return Array.isArray(data) ? [] : null;
}

const lastKey = (policy: Policy): string => policy.key.at(-1) ?? "id";
const nameOf = (field: string, value: unknown): string => `${field} ${String(value)}`;

function lengthOf(page: Part): number {
  const items = page["nodes"] ?? page["edges"];
  return Array.isArray(items) ? items.length : 0;
}

function isPlain(value: unknown): value is Part {
  if (!isObject(value)) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
