import { createStore, type StoreApi } from "zustand/vanilla";
import type { Fanfare } from "../fanfare.js";
import type { TimeSpan } from "../generated/protocol.js";
import { roomName } from "../sync/changes.js";
import { type WorldDate, worldDate } from "./calendar.js";

/** The clock of one campaign. */
export interface WorldClock {
  readonly campaignId: string;
  /** RFC 3339, UTC. */
  readonly worldTime: string;
  /** The campaign's version at which this was so. */
  readonly version: number;
  /** What `worldTime` means, computed once for each move of the clock. */
  readonly date: WorldDate;
  /** Where the clock stood before its last move; null until it has moved. */
  readonly previousTime: string | null;
  /** By how much it was advanced the last time; null when it was set, or has not moved. */
  readonly elapsed: TimeSpan | null;
  /** The clock may have moved unheard: it is being read again, or has to be. */
  readonly isStale: boolean;
}

/** What is known of a campaign's clock, by a query for example. */
export interface ClockReading {
  readonly id: string;
  readonly worldTime: string;
  readonly version: number;
}

/** The clocks of all campaigns that the application has seen. */
export interface WorldTimeState {
  readonly clocks: Readonly<Record<string, WorldClock>>;
  /** Tells the store what a query has read. An older version than the one it has is ignored. */
  readonly seen: (reading: ClockReading) => void;
}

/** A store that follows `world_time_changed`. */
export interface WorldTimeStore extends StoreApi<WorldTimeState> {
  /** Ends it: the clocks stand still. */
  readonly unbind: () => void;
}

/** Settings of a store. */
export interface WorldTimeOptions {
  /**
   * Reads a campaign's clock from the server, when events may have been missed. The room stays `stale` until it has
   * been read. Absent: the clock is marked `isStale` until the application has called `seen`.
   */
  readonly read?: ((campaignId: string) => Promise<ClockReading>) | undefined;
}

/**
 * Makes a store of world clocks. It joins no room: it hears the events of those that the application has joined.
 *
 * ```ts
 * const worldTime = createWorldTimeStore(fanfare);
 * worldTime.getState().seen(campaign); // What a query has read: { id, worldTime, version }
 * ```
 */
export function createWorldTimeStore(fanfare: Fanfare, options: WorldTimeOptions = {}): WorldTimeStore {
  const store = createStore<WorldTimeState>()((set) => ({
    clocks: {},
    seen: (reading) => set((state) => withReading(state, reading, { previousTime: null, elapsed: null })),
  }));
  const change = (campaignId: string, clock: Partial<WorldClock>) =>
    store.setState((state) => {
      const known = state.clocks[campaignId];
      return known ? { clocks: { ...state.clocks, [campaignId]: { ...known, ...clock } } } : state;
    });
  const detachments = [
    fanfare.on("world_time_changed", ({ payload }) => {
      const { campaignId, newTime, previousTime, version, elapsed = null } = payload;
      const reading = { id: campaignId, worldTime: newTime, version };
      store.setState((state) => withReading(state, reading, { previousTime, elapsed }));
    }),
    fanfare.on("entity_updated", ({ payload: { entityType, entityId, entityData, version, operation } }) => {
      const worldTime = entityData?.["worldTime"];
      if (entityType !== "campaign") {
        return;
      }
      if (operation === "delete") {
        store.setState((state) => without(state, entityId));
      } else if (typeof worldTime === "string") {
        store.getState().seen({ id: entityId, worldTime, version });
      }
    }),
    fanfare.onStale((room) => {
      const { kind, id } = roomName(room);
      if (kind !== "campaign" || !store.getState().clocks[id]) {
        return undefined;
      }
      change(id, { isStale: true });
      // Without a reading nothing is promised: a promise would declare the room fresh.
      return options.read?.(id).then((reading) => {
        // The campaign may have been lost meanwhile.
        if (store.getState().clocks[id]) {
          store.getState().seen(reading);
        }
      });
    }),
    fanfare.onRemoved((room) => {
      const { kind, id } = roomName(room);
      if (kind === "campaign") {
        store.setState((state) => without(state, id));
      }
    }),
  ];
  const unbind = () => {
    for (const detach of detachments.splice(0)) {
      detach();
    }
  };
  return Object.assign(store, { unbind });
}

function withReading(
  state: WorldTimeState,
  { id, worldTime, version }: ClockReading,
  move: Pick<WorldClock, "previousTime" | "elapsed">,
): WorldTimeState | Partial<WorldTimeState> {
  const known = state.clocks[id];
  const date = worldDate(worldTime);
  if (!date || (known && known.version > version)) {
    return state;
  }
  if (known?.worldTime === worldTime) {
    // The same moment: whatever is computed from the clock need not be computed again.
    return known.version === version && !known.isStale
      ? state
      : { clocks: { ...state.clocks, [id]: { ...known, version, isStale: false } } };
  }
  const clock: WorldClock = { campaignId: id, worldTime, version, date, isStale: false, ...move };
  return { clocks: { ...state.clocks, [id]: clock } };
}

function without(state: WorldTimeState, id: string): WorldTimeState | Partial<WorldTimeState> {
  if (!(id in state.clocks)) {
    return state;
  }
  const { [id]: _, ...clocks } = state.clocks;
  return { clocks };
}
