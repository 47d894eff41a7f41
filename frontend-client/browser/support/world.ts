import type { Instance } from "../../test/server/instance.js";

/** A part of the demo world, and its owner's hands. */
export class World {
  readonly #instance: Instance;
  readonly campaignId: string;
  readonly settlementId: string;
  readonly structureId: string;
  /** All settlements of the campaign, that one first. */
  readonly settlementIds: readonly string[];
  #population = 5000;

  private constructor(instance: Instance, campaignId: string, settlementIds: string[], structureId: string) {
    this.#instance = instance;
    this.campaignId = campaignId;
    this.settlementIds = settlementIds;
    this.settlementId = settlementIds[0] ?? "";
    this.structureId = structureId;
  }

  /** The first campaign of ada's, who owns it, and the first settlement and structure in it. */
  static async of(instance: Instance): Promise<World> {
    interface Node {
      readonly id: string;
    }
    interface Settlement extends Node {
      readonly structures: { readonly nodes: Node[] };
    }
    interface Campaign extends Node {
      readonly settlements: { readonly nodes: Settlement[] };
    }
    const query = `{ campaigns { nodes { id settlements { nodes { id structures { nodes { id } } } } } } }`;
    const { campaigns } = await instance.query<{ campaigns: { nodes: Campaign[] } }>("ada", query);
    const [campaign] = campaigns.nodes;
    const settlements = campaign?.settlements.nodes ?? [];
    const [structure] = settlements[0]?.structures.nodes ?? [];
    if (!campaign || !structure) {
      throw new Error("The demo world is not there.");
    }
    const settlementIds = settlements.map(({ id }) => id);
    return new World(instance, campaign.id, settlementIds, structure.id);
  }

  /** The settlements as they are in the database. */
  async settlements(): Promise<readonly { id: string; version: number }[]> {
    interface Answer {
      readonly campaign: { readonly settlements: { readonly nodes: { id: string; version: number }[] } };
    }
    const query = `{ campaign(id: "${this.campaignId}") { settlements(first: 100) { nodes { id version } } } }`;
    return (await this.#instance.query<Answer>("ada", query)).campaign.settlements.nodes;
  }

  /** Changes the settlement's population to a number that it never had; gives it. */
  async grow(): Promise<number> {
    this.#population += 1;
    await this.do("updateSettlement(id: $settlement, input: { population: $population }) { version }");
    return this.#population;
  }

  /** A mutation of the owner's. It may speak of `$campaign`, `$settlement`, `$structure` and `$population`. */
  async do<T>(mutation: string): Promise<T> {
    const all = {
      campaign: ["ID!", this.campaignId],
      settlement: ["ID!", this.settlementId],
      structure: ["ID!", this.structureId],
      population: ["Int!", this.#population],
    };
    const used = Object.entries(all).filter(([name]) => mutation.includes(`$${name}`));
    const declared = used.map(([name, [type]]) => `$${name}: ${type}`).join(", ");
    const variables = Object.fromEntries(used.map(([name, [, value]]) => [name, value]));
    return this.#instance.query<T>("ada", `mutation (${declared}) { ${mutation} }`, variables);
  }
}
