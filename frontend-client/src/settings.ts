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
  readonly reconnect: ReconnectPolicy;
  readonly pollIntervalMs: number;
  readonly queue: { readonly limit: number; readonly ttlMs: number };
  readonly lingerMs: number;
  readonly onError: (error: FanfareError) => void;
}

/**
 * Checks the options and fills in what is missing.
 * @throws FanfareError `invalid_option` with a sentence that says what to do.
 */
export function settingsOf(options: FanfareOptions): Settings {
  demand(options instanceof Object, "createFanfare needs options: { url, getToken }");
  const {
    transport = "auto",
    shareTabs = true,
    wrapTransport = (unchanged: Transport) => unchanged,
    onError = complain,
    pollIntervalMs = 3000,
    lingerMs = 1000,
  } = options;
  const settings = {
    url: addressOf(options.url),
    getToken: options.getToken,
    transport,
    wrapTransport,
    shareTabs: shareTabs === true ? "" : shareTabs,
    reconnect: { ...DEFAULT_POLICY, ...options.reconnect },
    pollIntervalMs,
    queue: { limit: 100, ttlMs: 30_000, ...options.queue },
    lingerMs,
    onError,
  } satisfies { readonly [name in keyof FanfareOptions]-?: unknown };
  const { reconnect, queue } = settings;
  const known = Object.keys(settings);
  for (const name of Object.keys(options)) {
    demand(known.includes(name), `There is no option '${name}': use ${known.join(", ")}`);
  }
  for (const [name, value] of Object.entries({ getToken: options.getToken, wrapTransport, onError })) {
    demand(isFunction(value), `Option '${name}' must be a function`);
  }
  demand(
    typeof shareTabs === "boolean" || isText(shareTabs),
    "Option 'shareTabs' must be true, false or a name",
  );
  demand(
    /^(auto|socket|polling)$/.test(String(transport)) || isFunction((transport as Transport | null)?.open),
    "Option 'transport' must be 'auto', 'socket', 'polling' or a transport",
  );
  const numbers: [name: string, value: unknown, least: number][] = [
    ["pollIntervalMs", pollIntervalMs, 100],
    ["lingerMs", lingerMs, 0],
    ["queue.limit", queue.limit, 0],
    ["queue.ttlMs", queue.ttlMs, 0],
    ["reconnect.minMs", reconnect.minMs, 1],
    ["reconnect.maxMs", reconnect.maxMs, reconnect.minMs],
    ["reconnect.maxAttempts", reconnect.maxAttempts, 1],
  ];
  for (const [name, value, least] of numbers) {
    demand(
      Number.isFinite(value) && Number(value) >= least,
      `Option '${name}' must be a number of at least ${least}`,
    );
  }
  return settings;
}

function complain(error: FanfareError): void {
  // Connection trouble is visible in the connection's state; these are mistakes that nobody else would see.
  if (error.code === "handler_failed" || error.code === "bad_envelope") {
    // biome-ignore lint/suspicious/noConsole: without `onError` there is no other place for it.
    console.error(error.message, error.cause ?? error);
  }
}

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
    `Option 'url' is '${url}': give the server's address, such as https://fanfare.example or /`,
  );
  return (address.origin + address.pathname).replace(/\/$/, "");
}
