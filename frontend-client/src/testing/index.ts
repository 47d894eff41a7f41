/**
 * A server in memory, so that applications can be tested against the real protocol without a server.
 *
 * ```ts
 * const server = new FakeServer();
 * const fanfare = createFanfare({ url: "http://fake", getToken: () => fakeToken({ sub: "mira" }), transport: server.transport });
 * server.publish("settlement_updated", { … });
 * server.cut();
 * ```
 *
 * @packageDocumentation
 */

export { createFanfareIn } from "../create.js";
export type { Environment, Wake } from "../environment.js";
export type { Refusal } from "./connection.js";
export { FakeLog, type PublishOptions, roomsOf } from "./log.js";
export { FakeServer, type FakeServerOptions, type Received } from "./server.js";
export { FakeBrowser, FakeTab } from "./tabs.js";
export { fakeToken } from "./token.js";
export type { Message, Network } from "./wire.js";
