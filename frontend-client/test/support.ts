import { afterEach, beforeEach, vi } from "vitest";
import { createFanfareIn } from "../src/create.js";
import type { Environment, Wake } from "../src/environment.js";
import type {
  Envelope,
  EventPayloads,
  Fanfare,
  FanfareError,
  FanfareOptions,
  StaleCause,
} from "../src/index.js";
import { FakeServer, type FakeServerOptions, fakeToken } from "../src/testing/index.js";

export const CAMPAIGN = "0193a5b2-0000-7000-8000-000000000001";
export const SETTLEMENT = "0193a5b2-0000-7000-8000-000000000002";
export const campaign = `campaign:${CAMPAIGN}`;
export const settlement = `settlement:${SETTLEMENT}`;

/** A payload of `settlement_updated`; the version tells events apart. */
export const settled = (version: number, settlementId = SETTLEMENT): EventPayloads["settlement_updated"] => ({
  settlementId,
  campaignId: CAMPAIGN,
  operation: "update",
  version,
  changedFields: ["population"],
});

/** Surroundings that do nothing by themselves, with a hand on everything. */
export class World implements Environment {
  fetch: Environment["fetch"] = () => Promise.reject(new TypeError("no network"));
  random: () => number = () => 0.5;
  locks: Environment["locks"] = null;
  openChannel: Environment["openChannel"] = null;
  readonly #wake = new Set<(reason: Wake) => void>();
  readonly #leave = new Set<() => void>();
  readonly onWake = (listener: (reason: Wake) => void) => {
    this.#wake.add(listener);
    return () => void this.#wake.delete(listener);
  };
  readonly onLeave = (listener: () => void) => {
    this.#leave.add(listener);
    return () => void this.#leave.delete(listener);
  };

  wake(reason: Wake): void {
    for (const listener of [...this.#wake]) {
      listener(reason);
    }
  }

  leave(): void {
    for (const listener of [...this.#leave]) {
      listener();
    }
  }

  get listeners(): number {
    return this.#wake.size + this.#leave.size;
  }
}

/** A client of a fake server. */
export interface Setup {
  readonly server: FakeServer;
  readonly world: World;
  readonly fanfare: Fanfare;
  readonly errors: FanfareError[];
}

const made: Fanfare[] = [];

export function setup(options: Partial<FanfareOptions> = {}, serverOptions: FakeServerOptions = {}): Setup {
  const server = new FakeServer(serverOptions);
  const world = new World();
  world.fetch = server.fetch;
  const errors: FanfareError[] = [];
  const fanfare = createFanfareIn(world, {
    url: "http://fake.test",
    getToken: () => fakeToken({ sub: "mira" }),
    transport: server.transport,
    onError: (error) => errors.push(error),
    ...options,
  });
  made.push(fanfare);
  return { server, world, fanfare, errors };
}

/** Lets everything happen that is due now. */
export const settle = () => vi.advanceTimersByTimeAsync(0);
/** Lets time pass. */
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** What a room's handlers were told, in order. */
export function recorder() {
  const seen: (number | StaleCause)[] = [];
  return {
    seen,
    handlers: {
      onEvent: (event: Envelope) => {
        seen.push(event.type === "settlement_updated" ? event.payload.version : -1);
      },
      onStale: (_: string, reason: StaleCause) => {
        seen.push(reason);
      },
    },
  };
}

// Loaded on demand by a page; here beforehand, because loading takes real time.
await Promise.all([import("../src/tabs/shared-line.js"), import("../src/transport/polling.js")]);

/** Fake timers for every test of a file; afterwards nothing may be left that would still happen. */
export function fakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: new Date("2026-11-20T10:00:00Z") });
  });
  afterEach(() => {
    for (const fanfare of made.splice(0)) {
      fanfare.close();
    }
    vi.useRealTimers();
  });
}
