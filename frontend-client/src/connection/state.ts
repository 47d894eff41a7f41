import type { FanfareError } from "../errors.js";

/**
 * - `connecting`: the first attempt of this client is under way.
 * - `connected`: the server has greeted.
 * - `reconnecting`: the connection was lost or could not be made; the next attempt is near.
 * - `disconnected`: nobody asked for a connection, or `disconnect()` was called.
 * - `failed`: the attempts were used up, or trying again cannot help; only slow retries go on.
 */
export type ConnectionStatus = "connecting" | "connected" | "reconnecting" | "disconnected" | "failed";

/** The connection at one moment. */
export interface ConnectionState {
  readonly status: ConnectionStatus;
  /** Attempts since the connection was last up; 0 while it is up. */
  readonly attempt: number;
  /** When the next attempt is due, in milliseconds since 1970; null when none is planned. */
  readonly nextRetryAt: number | null;
  /** Why the last attempt failed or the connection was lost; null once it is up again. */
  readonly lastError: FanfareError | null;
  /** The last measured round trip, in milliseconds. */
  readonly rttMs: number | null;
  /** What carries the messages while connected. */
  readonly transport: "socket" | "polling" | null;
  /** Whether this tab holds the connection for the others (`leader`), uses another tab's (`follower`), or shares none. */
  readonly sharing: "alone" | "leader" | "follower";
  /** The server's public name for the connection. */
  readonly connectionId: string | null;
  /** The user that the server recognized. */
  readonly userId: string | null;
}

/** Before anybody asked for a connection. */
export const DISCONNECTED: ConnectionState = {
  status: "disconnected",
  attempt: 0,
  nextRetryAt: null,
  lastError: null,
  rttMs: null,
  transport: null,
  sharing: "alone",
  connectionId: null,
  userId: null,
};
