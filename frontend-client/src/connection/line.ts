import type { Readable } from "../store.js";
import type { ConnectionState } from "./state.js";

/** What the owner of a {@link Line} is told. */
export interface LineEvents {
  /** A connection is up: a first one, the next one, or another in place of the one that was up. */
  readonly opened: () => void;
  /** The server said something about rooms: unchecked. */
  readonly message: (name: string, argument: unknown) => void;
  /** The connection is gone. */
  readonly closed: () => void;
}

/** A connection that is kept up: by this tab itself or by another one. */
export interface Line {
  readonly state: Readable<ConnectionState>;
  readonly start: () => void;
  /** Ends the connection until `start`. */
  readonly stop: () => void;
  /** Tries at once; checks a connection that is up. */
  readonly wake: () => void;
  /**
   * Sends a command and gives its acknowledgement, unchecked.
   * @throws FanfareError `connection_lost` when there is no connection or it ends first, `timeout`, `not_supported`.
   */
  readonly request: (command: string, payload: unknown, timeoutMs?: number) => Promise<unknown>;
}

/** How long an acknowledgement may take. */
export const ANSWER_LIMIT_MS = 10_000;
