import type { ReconnectPolicy } from "../generated/protocol.js";

/** How to come back as long as the server has not said how. */
export const DEFAULT_POLICY: ReconnectPolicy = { minMs: 1000, maxMs: 32_000, jitter: true, maxAttempts: 10 };

/**
 * The wait before an attempt: full jitter over a delay that doubles from `minMs` to `maxMs`. Full jitter
 * spreads a crowd that lost its server at the same moment.
 * @param attempt 1 for the first attempt after the loss.
 * @param random from 0 to below 1.
 */
export function backoff(policy: ReconnectPolicy, attempt: number, random: number): number {
  const cap = Math.min(policy.maxMs, policy.minMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(policy.jitter ? cap * random : cap);
}

/** The wait once the attempts are used up: between one and two of the longest delay. */
export function slowBackoff(policy: ReconnectPolicy, random: number): number {
  return Math.round(policy.maxMs * (1 + random));
}
