import type { Readable } from "../store.js";
import type { WorldClock, WorldTimeStore } from "./store.js";

/**
 * A value that follows from a campaign's clock: computed when the clock has moved and somebody wants to know, not more
 * often. Listeners are told only when the value itself differs.
 */
export function fromClock<T>(
  store: WorldTimeStore,
  campaignId: string,
  compute: (clock: WorldClock | null) => T,
): Readable<T> {
  let of: { readonly worldTime: string | null; readonly isStale: boolean } | null = null;
  let value: T;
  const getSnapshot = (): T => {
    const clock = store.getState().clocks[campaignId] ?? null;
    const worldTime = clock?.worldTime ?? null;
    const isStale = clock?.isStale ?? false;
    if (!of || of.worldTime !== worldTime || of.isStale !== isStale) {
      of = { worldTime, isStale };
      value = compute(clock);
    }
    return value;
  };
  return {
    getSnapshot,
    subscribe: (listener) => {
      let last = getSnapshot();
      return store.subscribe(() => {
        const next = getSnapshot();
        if (!Object.is(next, last)) {
          last = next;
          listener();
        }
      });
    },
  };
}
