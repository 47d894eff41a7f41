import { FanfareError } from "../errors.js";
import type { EntityKind } from "../generated/protocol.js";

/** A field that holds a list of entities: an array, or a connection with `edges` or `nodes`. */
export interface ListPolicy {
  /** The type that has the field: `Query`, or the type of the list's owner. */
  readonly on: string;
  readonly field: string;
  /**
   * Which list an entity belongs to. For `Query`, the arguments that choose it, for other types the owner's key
   * fields; each with the entity's field that has the value: `{ campaignId: "campaignId" }`, `{ id: "campaignId" }`.
   * Absent: every entity of the type belongs to it.
   */
  readonly where?: Readonly<Record<string, string>> | undefined;
  /** How many entries a page has when the query does not say (`first`). Default: any number. */
  readonly pageSize?: number | undefined;
}

/** How entities of one type are kept in agreement with their events. */
export interface EntityPolicy {
  /** The type's name in the GraphQL schema. */
  readonly typeName: string;
  /** What events call it (`entityType`), when they do. */
  readonly kind?: EntityKind | undefined;
  /** The fields that identify it. Default `["id"]`. */
  readonly key?: readonly string[] | undefined;
  /** The lists that it is in. */
  readonly lists?: readonly ListPolicy[] | undefined;
  /**
   * The field by which its lists are ordered, ascending, and which is the cursor of their connections. Default: the
   * last key field. Null when the order is another one or cursors are opaque: its lists are read again then.
   */
  readonly order?: string | null | undefined;
  /** Fields that the server computes: no event carries them, `state_invalidated` says when they have changed. */
  readonly computed?: readonly string[] | undefined;
  /** The GraphQL types of fields that hold an object which is no entity: `{ position: "MapPosition" }`. */
  readonly objects?: Readonly<Record<string, string>> | undefined;
}

/** The server's own page size. */
const PAGE = { pageSize: 20 };

/** Policies for the types of the world. */
export const worldPolicies: readonly EntityPolicy[] = [
  {
    typeName: "Campaign",
    kind: "campaign",
    lists: [{ on: "Query", field: "campaigns", ...PAGE }],
  },
  {
    typeName: "Settlement",
    kind: "settlement",
    lists: [
      { on: "Query", field: "settlements", where: { campaignId: "campaignId" }, ...PAGE },
      { on: "Campaign", field: "settlements", where: { id: "campaignId" }, ...PAGE },
    ],
    computed: ["defense", "prosperity", "capacity"],
    objects: { position: "MapPosition" },
  },
  {
    typeName: "Structure",
    kind: "structure",
    lists: [
      { on: "Query", field: "structures", where: { settlementId: "settlementId" }, ...PAGE },
      { on: "Settlement", field: "structures", where: { id: "settlementId" }, ...PAGE },
    ],
  },
  {
    typeName: "Member",
    key: ["campaignId", "userId"],
    lists: [
      { on: "Query", field: "members", where: { campaignId: "campaignId" }, ...PAGE },
      { on: "Campaign", field: "members", where: { id: "campaignId" }, ...PAGE },
    ],
  },
];

/** A policy with its defaults filled in. */
export interface Policy {
  readonly typeName: string;
  readonly kind: EntityKind | null;
  readonly key: readonly string[];
  readonly lists: readonly ListPolicy[];
  readonly order: string | null;
  readonly computed: readonly string[];
  readonly objects: Readonly<Record<string, string>>;
}

/** Every policy in force, by type and by kind. */
export class Policies {
  readonly #byType = new Map<string, Policy>();
  readonly #byKind = new Map<string, Policy>();

  /** Later policies replace earlier ones of the same type. */
  constructor(policies: readonly EntityPolicy[]) {
    for (const given of policies) {
      const policy = completed(given);
      this.#byType.set(policy.typeName, policy);
      if (policy.kind) {
        this.#byKind.set(policy.kind, policy);
      }
    }
  }

  ofType(typeName: unknown): Policy | undefined {
    return typeof typeName === "string" ? this.#byType.get(typeName) : undefined;
  }

  ofKind(kind: string): Policy | undefined {
    return this.#byKind.get(kind);
  }

  all(): Iterable<Policy> {
    return this.#byType.values();
  }

  /** The policy of the entities in a field, when the field is one of their lists. */
  ofList(typeName: string, field: string): { policy: Policy; list: ListPolicy } | undefined {
    for (const policy of this.#byType.values()) {
      const list = policy.lists.find((each) => each.on === typeName && each.field === field);
      if (list) {
        return { policy, list };
      }
    }
    return undefined;
  }
}

function completed(policy: EntityPolicy): Policy {
  const { typeName, kind, key = ["id"], lists = [], computed = [], objects = {} } = policy;
  demand(typeof typeName === "string" && typeName !== "", "A policy needs a `typeName`.");
  demand(
    key.length > 0,
    `The policy for ${typeName} has an empty \`key\`: name the fields that identify it.`,
  );
  for (const list of lists) {
    demand(
      list.on !== "" && list.field !== "",
      `A list of the policy for ${typeName} needs \`on\` (a type, or Query) and \`field\`.`,
    );
    demand(
      list.on === "Query" || list.where !== undefined,
      `The list ${list.on}.${list.field} needs \`where\`: { <key of ${list.on}>: <field of ${typeName}> }.`,
    );
  }
  const order = policy.order === undefined ? (key.at(-1) ?? null) : policy.order;
  return { typeName, kind: kind ?? null, key, lists, order, computed, objects };
}

function demand(condition: boolean, message: string): void {
  if (!condition) {
    throw new FanfareError("invalid_option", message);
  }
}
