import { useCallback, useState } from "react";
import { useIsConnected, useSocketEvent, useSubscription } from "./socket-provider.js";

interface Settlement {
  readonly id: string;
  readonly name: string;
  readonly population: number;
}

interface Campaign {
  readonly description: string;
  readonly worldTime: string;
  readonly settlements: { readonly nodes: Settlement[] };
}

const CAMPAIGN = `query ($id: ID!) {
  campaign(id: $id) { description worldTime settlements(first: 100) { nodes { id name population } } }
}`;

export interface CampaignPageProps {
  readonly campaignId: string;
  readonly settlementId: string;
  /** Asks the GraphQL server. */
  readonly query: <T>(query: string, variables: object) => Promise<T>;
}

/** A campaign's page, kept up to date by one handler for each name of an event. */
export function CampaignPage({ campaignId, settlementId, query }: CampaignPageProps) {
  const [campaign, setCampaign] = useState<Campaign | null>(null);
  const [structureLevel, setStructureLevel] = useState<number | null>(null);
  const [invalidated, setInvalidated] = useState<string[]>([]);
  const isConnected = useIsConnected();

  const read = useCallback(() => {
    void query<{ campaign: Campaign }>(CAMPAIGN, { id: campaignId }).then(({ campaign }) =>
      setCampaign(campaign),
    );
  }, [query, campaignId]);
  useSubscription("campaign", { campaignId }, read);
  useSubscription("settlement", { type: "settlement", entityId: settlementId }, read);

  useSocketEvent(
    "settlement_updated",
    useCallback((event: { payload: { settlementId: string; settlementData?: Partial<Settlement> } }) => {
      const { settlementId: id, settlementData } = event.payload;
      const change = (nodes: Settlement[]) =>
        nodes.map((node) => (node.id === id ? { ...node, ...settlementData } : node));
      setCampaign((last) => last && { ...last, settlements: { nodes: change(last.settlements.nodes) } });
    }, []),
  );
  useSocketEvent(
    "world_time_changed",
    useCallback((event: { payload: { newTime: string } }) => {
      const { newTime } = event.payload;
      setCampaign((last) => last && { ...last, worldTime: newTime });
    }, []),
  );
  useSocketEvent(
    "entity_updated",
    useCallback((event: { payload: { entityType: string; entityData?: Partial<Campaign> } }) => {
      const { entityType, entityData } = event.payload;
      if (entityType === "campaign") {
        setCampaign((last) => last && { ...last, ...entityData });
      }
    }, []),
  );
  useSocketEvent(
    "structure_updated",
    useCallback((event: { payload: { structureData?: { level: number } } }) => {
      setStructureLevel(event.payload.structureData?.level ?? null);
    }, []),
  );
  useSocketEvent(
    "state_invalidated",
    useCallback((event: { payload: { reason?: string } }) => {
      setInvalidated((last) => [...last, event.payload.reason ?? ""]);
    }, []),
  );

  return (
    <main>
      <p role="status">{isConnected ? "online" : "offline"}</p>
      <p id="description">{campaign?.description}</p>
      <p id="time">{campaign?.worldTime}</p>
      <p id="structure">{structureLevel}</p>
      <ul>
        {campaign?.settlements.nodes.map(({ id, name, population }) => (
          <li key={id} id={id}>
            {name}: <b>{population}</b>
          </li>
        ))}
      </ul>
      <ol id="invalidated">
        {invalidated.map((reason, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list only grows at its end.
          <li key={index}>{reason}</li>
        ))}
      </ol>
    </main>
  );
}
