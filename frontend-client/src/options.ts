import type { FanfareError } from "./errors.js";
import type { Code, ReconnectPolicy } from "./generated/protocol.js";
import type { Transport } from "./transport/transport.js";

/** Why a token is wanted. */
export interface TokenRequest {
  /** For a new connection, or to prolong the one that is up. */
  readonly reason: "connect" | "refresh";
  /** How the server refused the last token, when it did: a cached one is no use then. */
  readonly refused?: Code | undefined;
}

/** Settings of a client. */
export interface FanfareOptions {
  /**
   * Where the server is: `https://fanfare.example`. A path such as `/` means the page's own origin; where pages are
   * rendered without a browser there is none, and a client does not connect.
   */
  readonly url: string;
  /** Fetches a token, just in time for each connection and before the one in use expires. */
  readonly getToken: (request: TokenRequest) => string | Promise<string>;
  /**
   * `auto` (the default): a socket, and polling over HTTP while no socket can be opened. `socket` or
   * `polling`: only that. Or a transport of one's own, such as that of `@fanfare/client/testing`.
   */
  readonly transport?: "auto" | "socket" | "polling" | Transport | undefined;
  /**
   * Puts something of one's own around every transport in use: to measure it, or to break it on purpose. It must
   * keep its `kind`.
   */
  readonly wrapTransport?: ((transport: Transport) => Transport) | undefined;
  /**
   * Whether the tabs of an origin share one connection, when the browser can do that. They do among tabs of the
   * same server and user. Default true; a string is a name that the tabs must have in common as well.
   */
  readonly shareTabs?: boolean | string | undefined;
  /** How to come back, until the server has said how. */
  readonly reconnect?: Partial<ReconnectPolicy> | undefined;
  /** How often polling asks each room for news, in milliseconds. Default 3000. */
  readonly pollIntervalMs?: number | undefined;
  /** Commands that wait for a connection: how many at most (default 100), and how long (default 30 000 ms). */
  readonly queue?: { readonly limit?: number; readonly ttlMs?: number } | undefined;
  /** How long a room without users is kept joined, in milliseconds. Default 1000. */
  readonly lingerMs?: number | undefined;
  /** Told every error that no caller receives: for monitoring. Default: `console.error` for failing handlers. */
  readonly onError?: ((error: FanfareError) => void) | undefined;
}
