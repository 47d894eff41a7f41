import { DEFAULT_POLICY } from "./connection/backoff.js";
import { FanfareError } from "./errors.js";
import type { ReconnectPolicy } from "./generated/protocol.js";
import type { FanfareOptions } from "./options.js";
import type { Transport } from "./transport/transport.js";

/** Options, complete and checked. */
export interface Settings {
  readonly url: string;
  readonly getToken: FanfareOptions["getToken"];
  readonly transport: "auto" | "socket" | "polling" | Transport;
  readonly wrapTransport: (transport: Transport) => Transport;
  /** False: every tab has a connection of its own. Otherwise a part of the name that tabs must have in common. */
  readonly shareTabs: false | string;
  readonly policy: ReconnectPolicy;
  readonly pollIntervalMs: number;
  readonly queue: { readonly limit: number; readonly ttlMs: number };
  readonly lingerMs: number;
  readonly onError: ((error: FanfareError) => void) | undefined;
}

/**
 * Checks the options and fills in what is missing.
 * @throws FanfareError `invalid_option` with a sentence that says what to do.
 */
export function settingsOf(options: FanfareOptions): Settings {
  const {
    url,
    getToken,
    transport = "auto",
    shareTabs = true,
    onError,
    wrapTransport = (unchanged: Transport) => unchanged,
    reconnect,
    pollIntervalMs = 3000,
    queue,
    lingerMs = 1000,
  } = options ?? {};
  demand(options instanceof Object, "createFanfare needs options: { url, getToken }");
  demand(isFunction(getToken), "Option 'getToken' must be a function that returns the user's token");
  demand(!onError || isFunction(onError), "Option 'onError' must be a function that takes a FanfareError");
  demand(
    typeof shareTabs === "boolean" || isText(shareTabs),
    "Option 'shareTabs' must be true, false or a name",
  );
  demand(
    /^(auto|socket|polling)$/.test(String(transport)) || isFunction((transport as Transport | null)?.open),
    "Option 'transport' must be 'auto', 'socket', 'polling', or a transport with an 'open' function",
  );
  demand(
    isFunction(wrapTransport),
    "Option 'wrapTransport' must be a function from a transport to a transport",
  );
  for (const name of Object.keys(options)) {
    demand(KNOWN.includes(name), `There is no option '${name}': use ${KNOWN.join(", ")}`);
  }
  const policy = { ...DEFAULT_POLICY, ...reconnect };
  const bounds = { limit: 100, ttlMs: 30_000, ...queue };
  const numbers: [name: string, value: unknown, least: number][] = [
    ["pollIntervalMs", pollIntervalMs, 100],
    ["lingerMs", lingerMs, 0],
    ["queue.limit", bounds.limit, 0],
    ["queue.ttlMs", bounds.ttlMs, 0],
    ["reconnect.minMs", policy.minMs, 1],
    ["reconnect.maxMs", policy.maxMs, policy.minMs],
    ["reconnect.maxAttempts", policy.maxAttempts, 1],
  ];
  for (const [name, value, least] of numbers) {
    demand(
      Number.isFinite(value) && Number(value) >= least,
      `Option '${name}' must be a number of at least ${least}`,
    );
  }
  return {
    url: addressOf(url),
    getToken,
    transport,
    wrapTransport,
    shareTabs: shareTabs === true ? "" : shareTabs,
    policy,
    pollIntervalMs,
    queue: bounds,
    lingerMs,
    onError,
  };
}

const KNOWN = [
  "url",
  "getToken",
  "transport",
  "wrapTransport",
  "shareTabs",
  "reconnect",
  "pollIntervalMs",
  "queue",
  "lingerMs",
  "onError",
] satisfies (keyof FanfareOptions)[] as string[];

/** Throws when the name cannot be a room's. */
export function checkRoom(room: string): void {
  const isRoom = /^(campaign|settlement|structure|session|user):\S+$/.test(room);
  demand(isRoom, `'${room}' is not a room: use campaign:{id}, settlement:{id}, structure:{id} or user:{id}`);
}

/** Throws `invalid_option` with the sentence when something is not as it has to be. */
export function demand(isSo: unknown, sentence: string): asserts isSo {
  if (!isSo) {
    throw new FanfareError("invalid_option", `${sentence}.`);
  }
}

const isFunction = (value: unknown) => typeof value === "function";
const isText = (value: unknown) => typeof value === "string" && value !== "";

function addressOf(url: unknown): string {
  let address: URL | undefined;
  try {
    // `ws:` and `wss:` are what people have in their settings for sockets; it is the same server.
    // On a server a page's own origin is not known, nor needed: what is rendered there connects to nothing.
    const base = globalThis.location?.href ?? (/^\//.test(String(url)) ? "http://page.invalid" : undefined);
    address = new URL(new URL(String(url), base).href.replace(/^ws/, "http"));
  } catch {
    // Not an address: said below.
  }
  demand(
    isText(url) && address && /^https?:$/.test(address.protocol),
    `Option 'url' is '${url}': give the server's address, such as https://fanfare.example, or '/' for the page's own`,
  );
  return (address.origin + address.pathname).replace(/\/$/, "");
}
