import { useMemo, useSyncExternalStore } from "react";
import type { Freshness } from "../rooms/types.js";
import type { Readable } from "../store.js";
import { useFanfare } from "./provider.js";

const CATCHING_UP: Readable<Freshness> = { subscribe: () => () => {}, getSnapshot: () => "catching_up" };
const onServer = CATCHING_UP.getSnapshot;

/**
 * How much the data of a room can be relied on. `catching_up` on a server, while hydrating, and without a
 * room.
 */
export function useFreshness(room: string | null | undefined): Freshness {
  const fanfare = useFanfare();
  const freshness = useMemo(() => (room ? fanfare.freshness(room) : CATCHING_UP), [fanfare, room]);
  return useSyncExternalStore(freshness.subscribe, freshness.getSnapshot, onServer);
}
