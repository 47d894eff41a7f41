import { useMemo, useSyncExternalStore } from "react";
import type { Readable } from "../store.js";
import { useFanfare } from "./provider.js";

const NOBODY: readonly string[] = [];
const EMPTY: Readable<readonly string[]> = { subscribe: () => () => {}, getSnapshot: () => NOBODY };

/** The ids of the users in a room, sorted; nobody on a server and without a room. */
export function usePresence(room: string | null | undefined): readonly string[] {
  const fanfare = useFanfare();
  const presence = useMemo(() => (room ? fanfare.presence(room) : EMPTY), [fanfare, room]);
  return useSyncExternalStore(presence.subscribe, presence.getSnapshot, EMPTY.getSnapshot);
}
