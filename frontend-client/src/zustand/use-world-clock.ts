"use client";
import { useMemo, useSyncExternalStore } from "react";
import { fromClock } from "./derived.js";
import type { WorldClock, WorldTimeStore } from "./store.js";

/** A campaign's clock; null as long as it is not known. */
export function useWorldClock(store: WorldTimeStore, campaignId: string): WorldClock | null;
/**
 * What follows from a campaign's clock. Computed once for each move of the clock, and for each new `compute`: keep it outside of
 * the component or in `useCallback`. Renders again only when the result differs.
 */
export function useWorldClock<T>(
  store: WorldTimeStore,
  campaignId: string,
  compute: (clock: WorldClock | null) => T,
): T;
export function useWorldClock(
  store: WorldTimeStore,
  campaignId: string,
  compute: (clock: WorldClock | null) => unknown = itself,
): unknown {
  const value = useMemo(() => fromClock(store, campaignId, compute), [store, campaignId, compute]);
  return useSyncExternalStore(value.subscribe, value.getSnapshot, value.getSnapshot);
}

const itself = (clock: WorldClock | null) => clock;
