import { FanfareError } from "../errors.js";
import { PROTOCOL_VERSION } from "../generated/protocol.js";
import { asPolicy, instantIn, numberIn, textIn } from "../wire/check.js";
import type { Greeting } from "./transport.js";

/**
 * What the server's `welcome` says.
 * @throws FanfareError `protocol_mismatch` when the server speaks another version, or something else altogether.
 */
export function greetingOf(welcome: unknown): Greeting {
  const protocol = numberIn(welcome, "protocol");
  if (protocol !== PROTOCOL_VERSION) {
    const versions = `The server speaks protocol ${protocol ?? "unknown"}, this client ${PROTOCOL_VERSION}`;
    throw new FanfareError("protocol_mismatch", `${versions}: load the page again.`);
  }
  const serverTime = instantIn(welcome, "serverTime");
  const expiresAt = instantIn(welcome, "tokenExpiresAt");
  const skewMs = serverTime === null ? 0 : serverTime - Date.now();
  return {
    connectionId: textIn(welcome, "connectionId"),
    userId: textIn(welcome, "userId"),
    tokenExpiresAt: expiresAt === null ? null : expiresAt - skewMs,
    skewMs,
    policy: asPolicy((welcome as { reconnect?: unknown }).reconnect),
  };
}
