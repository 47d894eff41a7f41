import type { Environment } from "../environment.js";
import type { Transport } from "./transport.js";

/**
 * The same commands and events over `GET /api/rooms/{room}/events`, for networks that let no socket through.
 * Events come late by up to the interval, but by the same rules: in order, none missing, or said to be.
 * Its code is loaded when it is needed first: most pages never do.
 */
export function pollingTransport(environment: Environment, intervalMs: number): Transport {
  let code: typeof import("./polling.js") | undefined;
  return {
    kind: "polling",
    prepare: async () => {
      code ??= await import("./polling.js");
    },
    // Prepared before, as the interface says.
    open: (url, token, events) =>
      (code as NonNullable<typeof code>).openPolling(url, token, environment, intervalMs, events),
  };
}
