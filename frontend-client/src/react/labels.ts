import type { ConnectionState } from "../connection/state.js";

/** What the components say. Give your own, whole or in part, for another language. */
export interface ConnectionLabels {
  readonly connecting: string;
  readonly connected: string;
  readonly disconnected: string;
  /** `seconds` until this attempt; null while it is under way. */
  readonly reconnecting: (attempt: number, seconds: number | null) => string;
  readonly failed: (seconds: number | null) => string;
  readonly retry: string;
  /** The notice of a lost connection. */
  readonly lost: string;
  /** The notice that attempts are used up, or no use. */
  readonly gone: string;
  /** The notice that it is up again. */
  readonly back: string;
}

/** The labels in English. */
export const ENGLISH: ConnectionLabels = {
  connecting: "Connecting…",
  connected: "Connected",
  disconnected: "Offline",
  reconnecting: (attempt, seconds) =>
    seconds === null
      ? `Reconnecting, attempt ${attempt}…`
      : `Reconnecting, attempt ${attempt} in ${seconds} s`,
  failed: (seconds) => (seconds === null ? "No connection" : `No connection, next attempt in ${seconds} s`),
  retry: "Try now",
  lost: "The connection was lost. What you see may be out of date.",
  gone: "There is no connection to the server. What you see may be out of date.",
  back: "Connected again.",
};

/** How many whole seconds are left until a moment, at least 1; null when there is none or it has come. */
export function secondsUntil(at: number | null, now: number): number | null {
  return at === null || at <= now ? null : Math.ceil((at - now) / 1000);
}

/** The text for a state of the connection. */
export function textFor(labels: ConnectionLabels, state: ConnectionState, seconds: number | null): string {
  switch (state.status) {
    case "reconnecting":
      // While waiting, the attempt that is waited for.
      return labels.reconnecting(state.attempt + (seconds === null ? 0 : 1), seconds);
    case "failed":
      return labels.failed(seconds);
    case "connecting":
    case "connected":
    case "disconnected":
      return labels[state.status];
  }
}
