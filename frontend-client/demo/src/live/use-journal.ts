import { useApolloClient } from "@apollo/client/react";
import type { SubscribeOptions } from "@fanfare/client";
import { useConnection, useFanfare, useFreshness } from "@fanfare/client/react";
import { useEffect, useMemo, useState } from "react";
import { namesIn } from "../world/names.js";
import { Journal } from "./journal.js";
import { summaryOf } from "./summary.js";

/** Keeps the journal of a campaign's room; gives the handlers that write it. */
export function useJournal(campaignId: string): [Journal, SubscribeOptions] {
  const room = `campaign:${campaignId}`;
  const fanfare = useFanfare();
  const apollo = useApolloClient();
  const [journal] = useState(() => new Journal());
  const connection = useConnection();
  const freshness = useFreshness(room);
  const { connectionId } = connection;

  useEffect(() => journal.connection(connection), [journal, connection]);
  useEffect(() => {
    if (freshness === "live") {
      journal.caughtUp();
    }
  }, [journal, freshness]);
  useEffect(() => {
    if (connectionId !== null) {
      void measureSkew(fanfare.send).then((skewMs) => {
        journal.skewMs = skewMs ?? journal.skewMs;
      });
    }
  }, [fanfare, journal, connectionId]);

  const handlers = useMemo<SubscribeOptions>(() => {
    const names = namesIn(apollo.cache, campaignId);
    return {
      onEvent: (event) => {
        const arrival = fanfare.freshness(room).getSnapshot() === "live" ? "live" : "recovered";
        const { userId } = event.metadata;
        journal.event(event, arrival, summaryOf(event, names), names(userId) ?? userId);
      },
    };
  }, [apollo, fanfare, journal, campaignId, room]);
  useEffect(
    () =>
      fanfare.onStale((stale, reason) => {
        if (stale === room) {
          journal.stale(reason);
        }
      }),
    [fanfare, journal, room],
  );
  return [journal, handlers];
}

/** How far the server's clock is ahead, in milliseconds; null when it cannot be told. */
async function measureSkew(send: (command: string) => Promise<unknown>): Promise<number | null> {
  const sent = Date.now();
  try {
    const { serverTime } = (await send("ping")) as { serverTime?: string };
    const skew = Date.parse(serverTime ?? "") - (sent + Date.now()) / 2;
    return Number.isFinite(skew) ? skew : null;
  } catch {
    return null;
  }
}
