import type { ConnectionState } from "../connection/state.js";
import { FanfareError } from "../errors.js";

/** A {@link FanfareError} that can be copied to another tab: copying an error object would lose its class. */
export interface CopiedError {
  readonly code: FanfareError["code"];
  readonly message: string;
  readonly room?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The connection's state as the leader tells it. */
export type CopiedState = Omit<ConnectionState, "lastError" | "sharing"> & {
  readonly lastError: CopiedError | null;
};

/** What tabs say to each other. `from` is the tab that speaks. */
export type TabMessage =
  /** A tab is there and wants to know who leads. */
  | { readonly kind: "hello"; readonly from: string }
  /** A tab does not need the connection any more. */
  | { readonly kind: "leaving"; readonly from: string }
  /** The leader introduces itself. `isUp`: there is a connection. */
  | { readonly kind: "leading"; readonly from: string; readonly state: CopiedState; readonly isUp: boolean }
  /** The connection's state has changed. */
  | { readonly kind: "state"; readonly from: string; readonly state: CopiedState }
  /** A connection is up: rooms have to be joined. */
  | { readonly kind: "opened"; readonly from: string }
  | { readonly kind: "closed"; readonly from: string }
  /** The server said something. */
  | { readonly kind: "said"; readonly from: string; readonly name: string; readonly argument: unknown }
  /** A follower wants to send a command. */
  | {
      readonly kind: "request";
      readonly from: string;
      readonly id: number;
      readonly command: string;
      readonly payload: unknown;
      readonly timeoutMs: number;
    }
  /** The acknowledgement for a follower's command, or why there is none. */
  | { readonly kind: "answer"; readonly to: string; readonly id: number; readonly ack: unknown }
  | { readonly kind: "failure"; readonly to: string; readonly id: number; readonly error: CopiedError }
  /** A tab has a reason to believe that trying at once is worth it. */
  | { readonly kind: "wake"; readonly from: string };

export function copyOf({ code, message, room, retryAfterMs }: FanfareError): CopiedError {
  return { code, message, room, retryAfterMs };
}

export function originalOf({ code, message, room, retryAfterMs }: CopiedError): FanfareError {
  return new FanfareError(code, message, { room, retryAfterMs });
}

export function copyOfState({ sharing, lastError, ...state }: ConnectionState): CopiedState {
  return { ...state, lastError: lastError && copyOf(lastError) };
}

export function originalOfState({ lastError, ...state }: CopiedState): Omit<ConnectionState, "sharing"> {
  return { ...state, lastError: lastError && originalOf(lastError) };
}
