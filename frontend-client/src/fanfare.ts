import type { ConnectionState } from "./connection/state.js";
import type { EventOf } from "./events.js";
import type { EventType } from "./generated/protocol.js";
import type { Freshness, RemovalCode, StaleCause, SubscribeOptions, Subscription } from "./rooms/types.js";
import type { Readable } from "./store.js";

/** What has been ignored or dropped since the client was made. */
export interface Counters {
  /** Events of a type that this version does not know. */
  readonly unknownEvents: number;
  /** Events that had been seen already. */
  readonly duplicates: number;
  /** Messages that do not have the shape of the protocol. */
  readonly badMessages: number;
  /** Times that an event or a head showed that others are missing. */
  readonly gaps: number;
}

/** How a command is sent. */
export interface CommandOptions {
  /** Makes a repetition harmless: the same id is sent once, whoever sends it. Default: a new one. */
  readonly requestId?: string | undefined;
  /** How long it may wait for a connection, in milliseconds. Default: the client's `queue.ttlMs`. */
  readonly ttlMs?: number | undefined;
}

/** A client: one connection, however many rooms and listeners use it. */
export interface Fanfare {
  /** The connection's state. */
  readonly connection: Readable<ConnectionState>;
  /** Connects, unless it has already. `subscribe` does so by itself. */
  readonly connect: () => void;
  /** Ends the connection; rooms and handlers stay and continue where they were after `connect()`. */
  readonly disconnect: () => void;
  /** Tries at once instead of waiting for the next attempt; checks a connection that seems to be up. */
  readonly retry: () => void;
  /**
   * Ends the client for good: commands that wait are rejected with `closed`, and every use of a room ends as by
   * `unsubscribe`.
   */
  readonly close: () => void;
  /** Joins a room, or joins in its use. */
  readonly subscribe: (room: string, options?: SubscribeOptions) => Subscription;
  /** Calls `handler` once for each event of a type in any joined room, until the returned function is called. */
  readonly on: <T extends EventType>(type: T, handler: (event: EventOf<T>) => void) => () => void;
  /**
   * Calls `handler` whenever a room's state has to be read again. When it returns a promise, the room stays
   * `stale` until the promise is fulfilled.
   */
  readonly onStale: (handler: (room: string, reason: StaleCause) => unknown) => () => void;
  /** Calls `handler` when this user is no longer in a room. */
  readonly onRemoved: (handler: (room: string, code: RemovalCode) => void) => () => void;
  /** How much the data of a room can be relied on. */
  readonly freshness: (room: string) => Readable<Freshness>;
  /** Who is in a room: user ids, sorted. Followed as long as somebody listens; empty before. */
  readonly presence: (room: string) => Readable<readonly string[]>;
  /** The state of a stale room has been read again by other means than an `onStale` handler. */
  readonly markFresh: (room: string) => void;
  /**
   * Sends a command of the protocol. While there is no connection it waits, in order, for its time to live.
   * @throws FanfareError with the server's code when it refuses, `command_expired`, `queue_full`, `closed`.
   */
  readonly send: (
    command: string,
    payload?: Record<string, unknown>,
    options?: CommandOptions,
  ) => Promise<unknown>;
  /** What has been ignored or dropped. */
  readonly counters: () => Counters;
}
