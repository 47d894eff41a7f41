import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ApolloLink, Observable } from "@apollo/client";
import { buildSchema, type ExecutionResult, graphql, print } from "graphql";
import type { FakeServer } from "../../src/testing/index.js";

/** The schema that the server publishes. */
const schema = buildSchema(readFileSync(join(import.meta.dirname, "../../../docs/schema.graphql"), "utf8"));

export interface Settlement {
  id: string;
  campaignId: string;
  name: string;
  level: number;
  population: number;
  position: { x: number; y: number };
  variables: Record<string, unknown>;
  version: number;
}

export interface Structure {
  id: string;
  settlementId: string;
  campaignId: string;
  name: string;
  kind: string;
  level: number;
  completesAt: string | null;
  finished: boolean;
  variables: Record<string, unknown>;
  version: number;
}

interface Campaign {
  id: string;
  name: string;
  description: string;
  worldTime: string;
  version: number;
}

interface Member {
  campaignId: string;
  userId: string;
  role: "VIEWER" | "PLAYER" | "GM" | "OWNER";
  name: string | null;
}

interface Page {
  first?: number;
  after?: string;
}

/** A request that reached the server. */
export interface Request {
  readonly name: string;
  readonly variables: Record<string, unknown>;
}

/**
 * The world behind the server's own schema, in memory. Its changes are published as the server publishes them; what the
 * network does to answers is the test's to decide.
 */
export class World {
  readonly requests: Request[] = [];
  /** How long an answer takes after it was made, in milliseconds. */
  answerMs = 0;
  /** Requests fail as long as it is false. */
  isReachable = true;
  readonly #server: FakeServer;
  readonly #campaigns = new Map<string, Campaign>();
  readonly #settlements = new Map<string, Settlement>();
  readonly #structures = new Map<string, Structure>();
  #members: Member[] = [];
  /** The defense of every settlement, until told otherwise. */
  readonly defense = new Map<string, number>();

  constructor(server: FakeServer) {
    this.#server = server;
  }

  /** Fulfilled as the server would: what it answers is what is true when the request arrives. */
  readonly link = new ApolloLink(({ query, variables, operationName = "" }) => {
    return new Observable((observer) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const answer = this.isReachable
        ? this.answer(print(query), variables, operationName)
        : Promise.reject(new TypeError("fetch failed"));
      answer.then(
        (result) => {
          timer = setTimeout(() => {
            observer.next(result as never);
            observer.complete();
          }, this.answerMs);
        },
        (error) => observer.error(error),
      );
      return () => clearTimeout(timer);
    });
  });

  /** Answers a request from what is true now. */
  answer(
    source: string,
    variables: Record<string, unknown>,
    operationName?: string,
  ): Promise<ExecutionResult> {
    const name = operationName ?? /(?:query|mutation) (\w+)/.exec(source)?.[1] ?? "";
    this.requests.push({ name, variables });
    return graphql({ schema, source, variableValues: variables, rootValue: this.#root });
  }

  /** How often a query was asked. */
  asked(name: string): number {
    return this.requests.filter((request) => request.name === name).length;
  }

  campaign(id: string): Campaign {
    const campaign = {
      id,
      name: `Campaign ${id}`,
      description: "",
      worldTime: "1372-03-01T08:00:00.000Z",
      version: 1,
    };
    this.#campaigns.set(id, campaign);
    return campaign;
  }

  /** A settlement that has been there for long. */
  settlement(campaignId: string, id: string, values: Partial<Settlement> = {}): Settlement {
    const settlement: Settlement = {
      id,
      campaignId,
      name: `Settlement ${id}`,
      level: 1,
      population: 100,
      position: { x: 1, y: 2 },
      variables: {},
      version: 1,
      ...values,
    };
    this.#settlements.set(id, settlement);
    return settlement;
  }

  /** A structure that has been there for long. */
  structure(settlementId: string, id: string, values: Partial<Structure> = {}): Structure {
    const campaignId = this.#settlements.get(settlementId)?.campaignId ?? "";
    const structure: Structure = {
      id,
      settlementId,
      campaignId,
      name: `Structure ${id}`,
      kind: "WALL",
      level: 1,
      completesAt: null,
      finished: true,
      variables: {},
      version: 1,
      ...values,
    };
    this.#structures.set(id, structure);
    return structure;
  }

  member(campaignId: string, userId: string, role: Member["role"]): void {
    this.#members.push({ campaignId, userId, role, name: userId.toUpperCase() });
  }

  createSettlement(campaignId: string, id: string, values: Partial<Settlement> = {}): Settlement {
    const settlement = this.settlement(campaignId, id, values);
    this.#publishSettlement(settlement, "create", []);
    return settlement;
  }

  updateSettlement(id: string, change: Partial<Settlement>): Settlement {
    const settlement = this.changeSilently(id, change);
    this.#publishSettlement(settlement, "update", Object.keys(change));
    return settlement;
  }

  /** Changes a settlement without telling anybody, as if the event were still on its way. */
  changeSilently(id: string, change: Partial<Settlement>): Settlement {
    const settlement = this.#settlements.get(id);
    if (!settlement) {
      throw new Error(`There is no settlement ${id}.`);
    }
    return Object.assign(settlement, change, { version: settlement.version + 1 });
  }

  deleteSettlement(id: string): void {
    const settlement = this.#settlements.get(id);
    this.#settlements.delete(id);
    if (settlement) {
      this.#publishSettlement({ ...settlement, version: settlement.version + 1 }, "delete", []);
    }
  }

  /** From now on the settlement does not exist for whoever asks; nobody is told. */
  hideSettlement(id: string): void {
    this.#settlements.delete(id);
  }

  createStructure(settlementId: string, id: string, values: Partial<Structure> = {}): void {
    const structure = this.structure(settlementId, id, values);
    this.#server.publish("structure_updated", {
      structureId: id,
      settlementId,
      campaignId: structure.campaignId,
      operation: "create",
      version: structure.version,
      changedFields: [],
      structureData: { ...structure },
    });
  }

  advance(campaignId: string, newTime: string): void {
    const campaign = this.#campaigns.get(campaignId);
    if (campaign) {
      const previousTime = campaign.worldTime;
      Object.assign(campaign, { worldTime: newTime, version: campaign.version + 1 });
      const { version } = campaign;
      this.#server.publish("world_time_changed", { campaignId, previousTime, newTime, version });
    }
  }

  /** Changes a role without telling anybody. */
  becomes(campaignId: string, userId: string, role: Member["role"]): void {
    this.#members = this.#members.filter(
      (member) => member.campaignId !== campaignId || member.userId !== userId,
    );
    this.member(campaignId, userId, role);
  }

  setMember(campaignId: string, userId: string, role: Member["role"]): void {
    this.becomes(campaignId, userId, role);
    this.#server.publish("membership_changed", { campaignId, userId, role });
  }

  removeMember(campaignId: string, userId: string): void {
    this.#members = this.#members.filter(
      (member) => member.campaignId !== campaignId || member.userId !== userId,
    );
    this.#server.publish("membership_changed", { campaignId, userId, role: null });
  }

  /** From now on the campaign does not exist for whoever asks. */
  hide(campaignId: string): void {
    this.#campaigns.delete(campaignId);
  }

  #publishSettlement(
    settlement: Settlement,
    operation: "create" | "update" | "delete",
    changed: string[],
  ): void {
    const { id, campaignId, version } = settlement;
    this.#server.publish("settlement_updated", {
      settlementId: id,
      campaignId,
      operation,
      version,
      changedFields: changed,
      ...(operation !== "delete" && { settlementData: { ...settlement } }),
    });
  }

  readonly #root = {
    viewer: { userId: "mira", name: "Mira", scopes: [], expiresAt: "2026-11-21T10:00:00.000Z" },
    campaigns: (page: Page) => connection([...this.#campaigns.values()].map(this.#campaignView), page, "id"),
    campaign: ({ id }: { id: string }) => {
      const campaign = this.#campaigns.get(id);
      return campaign ? this.#campaignView(campaign) : notFound();
    },
    members: ({ campaignId, ...page }: Page & { campaignId: string }) => this.#membersOf(campaignId, page),
    settlements: ({ campaignId, ...page }: Page & { campaignId: string }) =>
      this.#campaigns.has(campaignId) ? this.#settlementsOf(campaignId, page) : notFound(),
    settlement: ({ id }: { id: string }) => {
      const settlement = this.#settlements.get(id);
      return settlement ? this.#settlementView(settlement) : notFound();
    },
    structures: ({ settlementId, ...page }: Page & { settlementId: string }) =>
      this.#structuresOf(settlementId, page),
    structure: ({ id }: { id: string }) => this.#structures.get(id) ?? notFound(),
    updateSettlement: ({
      id,
      input,
      expectedVersion,
    }: {
      id: string;
      input: Partial<Settlement>;
      expectedVersion?: number;
    }) => {
      const settlement = this.#settlements.get(id);
      if (expectedVersion !== undefined && settlement?.version !== expectedVersion) {
        throw new Error("The settlement has another version.");
      }
      return this.#settlementView(this.updateSettlement(id, { ...input }));
    },
    createSettlement: ({ input }: { input: { campaignId: string; name: string } }) => {
      const id = `s-${String(this.#settlements.size + 1).padStart(3, "0")}`;
      const { campaignId, name } = input;
      return this.#settlementView(this.createSettlement(campaignId, id, { name }));
    },
  };

  readonly #campaignView = (campaign: Campaign) => ({
    ...campaign,
    myRole: this.#members.find(({ campaignId, userId }) => campaignId === campaign.id && userId === "mira")
      ?.role,
    settlements: (page: Page) => this.#settlementsOf(campaign.id, page),
    members: (page: Page) => this.#membersOf(campaign.id, page),
  });

  #settlementView(settlement: Settlement) {
    return {
      ...settlement,
      position: { ...settlement.position },
      variables: { ...settlement.variables },
      defense: this.defense.get(settlement.id) ?? 1,
      prosperity: 2,
      capacity: 3,
      structures: (page: Page) => this.#structuresOf(settlement.id, page),
    };
  }

  #settlementsOf(campaign: string, page: Page) {
    const all = [...this.#settlements.values()].filter(({ campaignId }) => campaignId === campaign);
    return connection(
      all.map((settlement) => this.#settlementView(settlement)),
      page,
      "id",
    );
  }

  #structuresOf(settlement: string, page: Page) {
    const all = [...this.#structures.values()].filter(({ settlementId }) => settlementId === settlement);
    return connection(
      all.map((structure) => ({ ...structure })),
      page,
      "id",
    );
  }

  #membersOf(campaign: string, page: Page) {
    const all = this.#members.filter(({ campaignId }) => campaignId === campaign);
    return connection(
      all.map((member) => ({ ...member })),
      page,
      "userId",
    );
  }
}

function notFound(): never {
  throw new Error("Not found.");
}

/** A page as the server makes it: in the order of the keys, which are the cursors. */
function connection<K extends string, T extends Record<K, string>>(all: T[], page: Page, key: K) {
  const { first = 20, after = "" } = page;
  const rest = all.filter((item) => item[key] > after).sort((a, b) => (a[key] < b[key] ? -1 : 1));
  const nodes = rest.slice(0, first);
  return {
    nodes,
    edges: nodes.map((node) => ({ node, cursor: node[key] })),
    pageInfo: {
      hasNextPage: rest.length > first,
      hasPreviousPage: after !== "",
      startCursor: nodes[0]?.[key] ?? null,
      endCursor: nodes.at(-1)?.[key] ?? null,
    },
  };
}
