import type { PayloadOf } from "../events.js";
import type { Envelope, EventType } from "../generated/protocol.js";
import type { Doubts } from "./doubts.js";
import type { Policies, Policy } from "./policies.js";
import type { Values } from "./values.js";

/** An entity is there with these values. */
export interface Put {
  readonly do: "put";
  readonly policy: Policy;
  /** The key, what the event says about the parents, and all that it carries. */
  readonly values: Values;
  /** The fields that `values` brings up to date; null when the event carries none and they have to be read. */
  readonly fields: readonly string[] | null;
  readonly changed: readonly string[];
  /** The entity's version; null for entities without one. */
  readonly version: number | null;
  /** It may be new to the lists that it belongs to. */
  readonly isNew: boolean;
  /** Whether `values` is all that a list's entry needs, as far as events carry it. */
  readonly isWhole: boolean;
}

/** An entity is there no longer. */
export interface Remove {
  readonly do: "remove";
  readonly policy: Policy;
  readonly values: Values;
}

/** Fields of some entities are out of date. */
export interface Doubt {
  readonly do: "doubt";
  /** The entities by policy and key, everything in a room, or fields that are known by their names in the cache. */
  readonly of: readonly { readonly policy: Policy; readonly values: Values }[] | RoomName | Doubts;
  /** Which fields; null for the computed ones, `all` for everything, the lists too. */
  readonly fields: readonly string[] | null | "all";
}

/** The user has lost a room: nothing of it may stay. */
export interface Forget {
  readonly do: "forget";
  readonly room: RoomName;
}

/**
 * The log is another one, that of a restored database for example: versions so far say nothing, and what was deleted may
 * be there. What is out of date is told by doubts.
 */
export interface Rewind {
  readonly do: "rewind";
}

/** What an event means for a cache. */
export type Change = Put | Remove | Doubt | Forget | Rewind;

/** A room's name in its parts. */
export interface RoomName {
  readonly kind: string;
  readonly id: string;
}

/** `campaign:42` → its kind and its id. */
export function roomName(room: string): RoomName {
  const at = room.indexOf(":");
  return { kind: room.slice(0, at), id: room.slice(at + 1) };
}

type Translate<T extends EventType> = (
  payload: PayloadOf<T>,
  policies: Policies,
  me: string | null,
) => Change[];

/** What an event means. `me` is the user that the server recognized. */
export function changesOf(event: Envelope, policies: Policies, me: string | null): Change[] {
  // The table has the right function for every type.
  return (TRANSLATE[event.type] as Translate<EventType>)(event.payload, policies, me);
}

const TRANSLATE: { readonly [T in EventType]: Translate<T> } = {
  entity_updated: ({ entityType, entityId, entityData, ...payload }, policies) =>
    entity(policies.ofKind(entityType), entityId, entityData, payload),
  settlement_updated: ({ settlementId, settlementData, ...payload }, policies) =>
    entity(policies.ofKind("settlement"), settlementId, settlementData, payload),
  structure_updated: ({ structureId, structureData, ...payload }, policies) =>
    entity(policies.ofKind("structure"), structureId, structureData, payload),
  world_time_changed: ({ campaignId, newTime, version }, policies) => {
    const policy = policies.ofKind("campaign");
    const values = { ...keyOf(policy, campaignId), worldTime: newTime };
    const fields = ["worldTime"];
    return policy
      ? [{ do: "put", policy, values, fields, changed: fields, version, isNew: false, isWhole: false }]
      : [];
  },
  state_invalidated: ({ campaignId, scope, entities = [], entityIds = [], fields = null }, policies) => {
    if (scope === "campaign") {
      return [{ do: "doubt", of: { kind: "campaign", id: campaignId }, fields }];
    }
    const of = entities.flatMap(({ entityType, entityId }) => {
      const policy = policies.ofKind(entityType);
      return policy ? [{ policy, values: keyOf(policy, entityId) }] : [];
    });
    const typed = new Set(entities.map(({ entityId }) => entityId));
    // By its id alone an entity may be of any type.
    const kinds = [...policies.all()].filter(({ kind }) => kind !== null);
    for (const id of entityIds.filter((each) => !typed.has(each))) {
      of.push(...kinds.map((policy) => ({ policy, values: keyOf(policy, id) })));
    }
    return of.length > 0 ? [{ do: "doubt", of, fields }] : [];
  },
  membership_changed: membership,
};

interface EntityChange {
  readonly operation: "create" | "update" | "delete";
  readonly version: number;
  readonly changedFields: readonly string[];
}

function entity(
  policy: Policy | undefined,
  id: string,
  data: Values | undefined,
  { operation, version, changedFields, ...parents }: EntityChange & Values,
): Change[] {
  if (!policy) {
    return [];
  }
  const values = { ...parents, ...data, ...keyOf(policy, id) };
  if (operation === "delete") {
    return [{ do: "remove", policy, values }];
  }
  const isNew = operation === "create";
  return [
    {
      do: "put",
      policy,
      values,
      fields: data ? Object.keys(data) : null,
      changed: changedFields,
      version,
      isNew,
      isWhole: isNew && data !== undefined,
    },
  ];
}

function membership(
  { campaignId, userId, role }: PayloadOf<"membership_changed">,
  policies: Policies,
  me: string | null,
): Change[] {
  const changes: Change[] = [];
  const unversioned = { do: "put", version: null, isNew: true, isWhole: false } as const;
  const member = policies.ofType("Member");
  const values = { campaignId, userId };
  if (member) {
    const fields = ["role"];
    changes.push(
      role === null
        ? { do: "remove", policy: member, values }
        : { ...unversioned, policy: member, values: { ...values, role }, fields, changed: fields },
    );
  }
  if (userId === me) {
    const campaign = policies.ofKind("campaign");
    if (role === null) {
      changes.push({ do: "forget", room: { kind: "campaign", id: campaignId } });
    } else if (campaign) {
      const own = { ...keyOf(campaign, campaignId), myRole: role };
      const fields = ["myRole"];
      changes.push({ ...unversioned, policy: campaign, values: own, fields, changed: fields });
    }
  }
  return changes;
}

/** Events name an entity by one id: the last field of its key. */
function keyOf(policy: Policy | undefined, id: string): Values {
  return { [policy?.key.at(-1) ?? "id"]: id };
}
