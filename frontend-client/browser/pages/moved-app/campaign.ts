import type { Envelope } from "../../../src/index.js";

export interface Settlement {
  readonly id: string;
  readonly name: string;
  readonly population: number;
  readonly version: number;
}

export interface Campaign {
  readonly description: string;
  readonly worldTime: string;
  readonly version: number;
  readonly settlements: { readonly nodes: readonly Settlement[] };
}

export const CAMPAIGN = `query ($id: ID!) {
  campaign(id: $id) {
    description worldTime version
    settlements(first: 100) { nodes { id name population version } }
  }
}`;

/** The campaign after an event. One that is not newer than what is known changes nothing. */
export function withEvent(campaign: Campaign, event: Envelope): Campaign {
  switch (event.type) {
    case "entity_updated": {
      const { entityType, version, entityData } = event.payload;
      const isNews = entityType === "campaign" && version > campaign.version;
      return isNews ? { ...campaign, ...entityData, version } : campaign;
    }
    case "world_time_changed": {
      const { newTime, version } = event.payload;
      return version > campaign.version ? { ...campaign, worldTime: newTime, version } : campaign;
    }
    case "settlement_updated": {
      const { settlementId, version, settlementData } = event.payload;
      const nodes = campaign.settlements.nodes.map((settlement) =>
        settlement.id === settlementId && version > settlement.version
          ? { ...settlement, ...settlementData, version }
          : settlement,
      );
      return { ...campaign, settlements: { nodes } };
    }
    default:
      return campaign;
  }
}
