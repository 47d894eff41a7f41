import type { ApolloClient } from "@apollo/client";
import type { Fanfare } from "@fanfare/client";
import { EVENT_TYPES } from "@fanfare/client";

/** A burst of events is one reading. */
const WAIT_MS = 50;

/** Reads what is on screen again whenever something has happened to it; gives what ends that. */
export function keepCurrent(fanfare: Fanfare, apollo: ApolloClient): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const read = () => apollo.refetchQueries({ include: "active" });
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      // A failure shows in the queries themselves.
      read().catch(() => {});
    }, WAIT_MS);
  };
  const ends = [...EVENT_TYPES.map((type) => fanfare.on(type, soon)), fanfare.onStale(read)];
  return () => {
    clearTimeout(timer);
    for (const end of ends) {
      end();
    }
  };
}
