import type { FanfareError } from "../errors.js";
import type { EventHandlers } from "../events.js";
import type { Envelope, Position, StaleReason, UnsubscribeCode } from "../generated/protocol.js";

/**
 * How much the data of a room can be relied on.
 * - `live`: every event so far has been handed to the handlers.
 * - `catching_up`: events may be missing; they are being asked for.
 * - `stale`: events are known to be missing for good, or the room is not joined: read the state again.
 */
export type Freshness = "live" | "catching_up" | "stale";

/**
 * Why the application has to read a room's state again. Beside the server's own reasons:
 * - `not_recovered`: the log no longer holds what was missed, or is a new one.
 * - `gap_not_closed`: the missing events did not arrive although they were asked for repeatedly.
 * - `bad_envelope`: the missing events arrived in a shape that cannot be read.
 */
export type StaleCause = StaleReason | "not_recovered" | "gap_not_closed" | "bad_envelope";

/** Why the user is no longer in a room; the last two when that was found out on coming back. */
export type RemovalCode = UnsubscribeCode | "not_found" | "forbidden";

/** What an application wants to be told about a room. */
export interface RoomHandlers extends EventHandlers {
  /** Every event of the room, in the order of its log, each once; called before the handler for its type. */
  readonly onEvent?: ((event: Envelope) => void) | undefined;
  /**
   * Events were lost for good: read the room's state again. The room has been joined anew before this
   * is called, so what is read now is complete together with the events that follow. When it returns
   * a promise, the room stays `stale` until the promise is fulfilled.
   */
  readonly onStale?: ((room: string, reason: StaleCause) => unknown) | undefined;
  /** The server took this user out of the room: hide what it showed. */
  readonly onRemoved?: ((room: string, code: RemovalCode) => void) | undefined;
  /** The room could not be joined. Refusals that time can heal are tried again by themselves. */
  readonly onError?: ((error: FanfareError) => void) | undefined;
}

/** Handlers, and from where to continue. */
export interface SubscribeOptions extends RoomHandlers {
  /**
   * The position to continue from, for applications that keep state and position together across page
   * loads. Absent: where this client last was in the room, if it was. Null: the room's head.
   */
  readonly position?: Position | null | undefined;
}

/** One use of a room. */
export interface Subscription {
  readonly room: string;
  /**
   * Fulfilled when the room is joined for the first time: state that is read from now on misses nothing.
   * Rejected with a {@link FanfareError} when the server refuses the room. When `unsubscribe` or `close` comes first, nothing
   * becomes of it: a component that is gone waits for nothing.
   */
  readonly ready: Promise<void>;
  /** How far the room's events have been handed out; null before the room is joined. */
  readonly position: Position | null;
  readonly freshness: Freshness;
  /** Ends this use. The room is left when its last use has ended, a moment later. */
  readonly unsubscribe: () => void;
}
