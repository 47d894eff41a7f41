/**
 * The core: one connection, rooms with positions, recovery after every cut, and the honest word `stale`
 * when recovery is impossible. It knows no framework.
 *
 * @packageDocumentation
 */

export type { ConnectionState, ConnectionStatus } from "./connection/state.js";
export { createFanfare } from "./create.js";
export { type ClientCode, type ErrorCode, type ErrorDetails, FanfareError } from "./errors.js";
export type { EventHandlers, EventOf, HandlerName, PayloadOf } from "./events.js";
export type { CommandOptions, Counters, Fanfare } from "./fanfare.js";
export type * from "./generated/protocol.js";
export { EVENT_TYPES, PROTOCOL_VERSION } from "./generated/protocol.js";
export type { FanfareOptions, TokenRequest } from "./options.js";
export type {
  Freshness,
  RemovalCode,
  RoomHandlers,
  StaleCause,
  SubscribeOptions,
  Subscription,
} from "./rooms/types.js";
export type { Readable } from "./store.js";
export type { Greeting, Link, LinkEvents, Transport } from "./transport/transport.js";
