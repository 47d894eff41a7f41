import { useCallback, useEffect, useRef, useState } from "react";
import type { Envelope } from "../../../src/index.js";
import { useCampaignSubscription, useConnection } from "../../../src/react/index.js";
import { CAMPAIGN, type Campaign, withEvent } from "./campaign.js";

export interface CampaignPageProps {
  readonly campaignId: string;
  /** Asks the GraphQL server. */
  readonly query: <T>(query: string, variables: object) => Promise<T>;
}

/** A campaign's page: read once, kept up to date by events. */
export function CampaignPage({ campaignId, query }: CampaignPageProps) {
  const [campaign, setCampaign] = useState<Campaign | null>(null);
  const [structureLevel, setStructureLevel] = useState<number | null>(null);
  const [invalidated, setInvalidated] = useState<string[]>([]);
  const isConnected = useConnection(({ status }) => status === "connected");

  // What happens while an answer is on its way may be newer than the answer.
  const readings = useRef(new Set<Envelope[]>());
  const read = useCallback(async () => {
    const meanwhile: Envelope[] = [];
    readings.current.add(meanwhile);
    try {
      const answer = await query<{ campaign: Campaign }>(CAMPAIGN, { id: campaignId });
      setCampaign(meanwhile.reduce(withEvent, answer.campaign));
    } finally {
      readings.current.delete(meanwhile);
    }
  }, [query, campaignId]);

  const room = useCampaignSubscription(campaignId, {
    onEvent: (event) => {
      for (const meanwhile of readings.current) {
        meanwhile.push(event);
      }
      setCampaign((last) => last && withEvent(last, event));
    },
    onStructureUpdated: ({ payload }) => setStructureLevel(Number(payload.structureData?.["level"])),
    onStateInvalidated: ({ payload }) => setInvalidated((last) => [...last, payload.reason ?? ""]),
    onStale: read,
  });

  // Once: what happens from now on arrives as an event, after every cut too.
  useEffect(() => {
    if (room.isReady) {
      void read();
    }
  }, [room.isReady, read]);

  if (room.removed) {
    return <p role="status">You are no longer part of this campaign.</p>;
  }
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
