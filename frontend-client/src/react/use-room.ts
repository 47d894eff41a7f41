import { useEffect, useState } from "react";
import type { FanfareError } from "../errors.js";
import type { Fanfare } from "../fanfare.js";
import type { Freshness, RemovalCode, SubscribeOptions } from "../rooms/types.js";
import { latestHandlers } from "./latest-handlers.js";
import { useFanfare } from "./provider.js";
import { useFreshness } from "./use-freshness.js";
import { useLatest } from "./use-latest.js";

/** How it stands with a room that a component uses. */
export interface RoomState {
  readonly freshness: Freshness;
  /** The room is joined, or was and will be again: what is read from now on misses nothing. */
  readonly isReady: boolean;
  /** Why the room could not be joined. Null again when it is. */
  readonly error: FanfareError | null;
  /** The user is no longer in the room: hide what it showed. */
  readonly removed: RemovalCode | null;
}

/** What became of joining; it belongs to one room of one client. */
interface Outcome extends Omit<RoomState, "freshness"> {
  readonly of: Fanfare | null;
  readonly room: string | null;
}

const UNKNOWN: Outcome = { of: null, room: null, isReady: false, error: null, removed: null };
const NO_HANDLERS: SubscribeOptions = {};

/**
 * Joins a room as long as the component is mounted; with null it waits. Handlers are always those of the
 * last render; only another room or client joins anew. `position` counts at the moment of joining.
 */
export function useRoom(room: string | null | undefined, options: SubscribeOptions = NO_HANDLERS): RoomState {
  const fanfare = useFanfare();
  const latest = useLatest(options);
  const freshness = useFreshness(room);
  const [outcome, setOutcome] = useState(UNKNOWN);

  useEffect(() => {
    if (!room) {
      return;
    }
    let isCurrent = true;
    const tell = (change: Partial<RoomState>) => {
      if (isCurrent) {
        setOutcome((last) => {
          const base = last.of === fanfare && last.room === room ? last : UNKNOWN;
          return { ...base, of: fanfare, room, ...change };
        });
      }
    };
    const handlers = latestHandlers(latest, {
      onError: (error) => tell({ error }),
      onRemoved: (_, removed) => tell({ removed, isReady: false }),
    });
    const subscription = fanfare.subscribe(room, handlers);
    subscription.ready.then(
      () => tell({ isReady: true, error: null, removed: null }),
      // `onError` has told already.
      () => {},
    );
    return () => {
      isCurrent = false;
      subscription.unsubscribe();
    };
  }, [fanfare, room, latest]);

  const isKnown = outcome.of === fanfare && outcome.room === room;
  const { isReady, error, removed } = isKnown ? outcome : UNKNOWN;
  // Whatever went wrong before, a live room is joined now.
  return isKnown && freshness === "live"
    ? { freshness, isReady: true, error: null, removed: null }
    : { freshness, isReady, error, removed };
}
