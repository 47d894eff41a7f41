import type { QueryKey } from "@tanstack/react-query";
import type { EntityKind } from "../generated/protocol.js";
import { type EntityPolicy, Policies } from "../sync/policies.js";
import type { Values } from "../sync/values.js";

/** How entities of one kind are kept in agreement with their events. */
export interface QueryPolicy {
  /** The kind's name; compared with `__typename` where the data has one. */
  readonly typeName: string;
  /** What events call it (`entityType`), when they do. */
  readonly kind?: EntityKind | undefined;
  /** The fields that identify it. Default `["id"]`. An entity is found by them wherever it is in a query's data. */
  readonly key?: readonly string[] | undefined;
  /** The keys of the queries that list it. One whose data is not a plain array is read again. */
  readonly lists?: ((entity: Values) => readonly QueryKey[]) | undefined;
  /** The field by which its lists are ordered, ascending. Default: the last key field. Null: another order. */
  readonly order?: string | null | undefined;
  /** Fields that the server computes: no event carries them, `state_invalidated` says when they have changed. */
  readonly computed?: readonly string[] | undefined;
}

/** Policies for the kinds of the world, with keys such as `["settlements", campaignId]`. */
export const worldQueries: readonly QueryPolicy[] = [
  { typeName: "Campaign", kind: "campaign", lists: () => [["campaigns"]] },
  {
    typeName: "Settlement",
    kind: "settlement",
    lists: ({ campaignId }) => [["settlements", campaignId]],
    computed: ["defense", "prosperity", "capacity"],
  },
  { typeName: "Structure", kind: "structure", lists: ({ settlementId }) => [["structures", settlementId]] },
  {
    typeName: "Member",
    key: ["campaignId", "userId"],
    lists: ({ campaignId }) => [["members", campaignId]],
  },
];

/** Every policy in force, and the lists of each. */
export interface QueryPolicies {
  readonly policies: Policies;
  readonly listsOf: (typeName: string, entity: Values) => readonly QueryKey[];
}

/** Later policies replace earlier ones of the same name. */
export function queryPolicies(given: readonly QueryPolicy[]): QueryPolicies {
  const lists = new Map(given.map((policy) => [policy.typeName, policy.lists]));
  const policies = new Policies(given.map(({ lists: _, ...policy }): EntityPolicy => policy));
  return { policies, listsOf: (typeName, entity) => lists.get(typeName)?.(entity) ?? [] };
}
