import { createFanfareIn } from "../../src/create.js";
import type { Fanfare, FanfareOptions } from "../../src/index.js";
import { FakeServer } from "../../src/testing/index.js";
import { World } from "../support.js";

export type * from "../../src/index.js";

/** The server of the snippets that bring none. */
export const server = new FakeServer({ headsIntervalMs: 0 });

/** What a snippet takes for the package's own function: its client is one of the fake server. */
export function createFanfare(options: FanfareOptions): Fanfare {
  return createFanfareIn(new World(), {
    ...options,
    transport: options.transport === undefined ? server.transport : options.transport,
  });
}
