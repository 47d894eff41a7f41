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
  /** What `value` was computed from; undefined before the first time. */
  let of: WorldClock | null | undefined;
  let value: T;
  const getSnapshot = (): T => {
    const clock = store.getState().clocks[campaignId] ?? null;
    if (of === undefined || hasMoved(of, clock)) {
      value = compute(clock);
    } else if (Object.is(value, of)) {
      // The clock itself, of which more may have changed.
      value = clock as T;
    }
    of = clock;
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

const hasMoved = (from: WorldClock | null, to: WorldClock | null): boolean =>
  from?.worldTime !== to?.worldTime || from?.isStale !== to?.isStale;
