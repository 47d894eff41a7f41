import type { FanfareError } from "../errors.js";
import type { ReconnectPolicy } from "../generated/protocol.js";

/** What is known of a connection once it is up. */
export interface Greeting {
  readonly connectionId: string | null;
  readonly userId: string | null;
  /** Milliseconds since 1970 by this machine's clock; null when unknown. */
  readonly tokenExpiresAt: number | null;
  /** How far the server's clock is ahead of this machine's, in milliseconds. */
  readonly skewMs: number;
  readonly policy: ReconnectPolicy | null;
}

/** What a link tells its owner. After `closed` it says nothing more. */
export interface LinkEvents {
  /** The server has accepted the token. Before anything else but `closed`. */
  readonly opened: (greeting: Greeting) => void;
  /** The server said something: an event's or notice's name with its argument, unchecked. */
  readonly message: (name: string, argument: unknown) => void;
  /** Any sign of life. */
  readonly heard: () => void;
  /** The link is gone, or could not be made. Once. */
  readonly closed: (error: FanfareError) => void;
}

/** One connection to the server, from the attempt to its end. Never opened twice. */
export interface Link {
  /**
   * Sends a command and gives its acknowledgement, unchecked.
   * @throws FanfareError `connection_lost`, `timeout` or `not_supported`.
   */
  readonly request: (command: string, payload: unknown, timeoutMs: number) => Promise<unknown>;
  /** Ends the link. `closed` is not called for it. */
  readonly close: () => void;
}

/** A way of reaching a server: makes links. */
export interface Transport {
  readonly kind: "socket" | "polling";
  /** Fetches what the transport needs first; awaited before each `open`. */
  readonly prepare?: () => Promise<void>;
  /** Begins a link. Nothing is reported before this has returned. */
  readonly open: (url: string, token: string, events: LinkEvents) => Link;
}
