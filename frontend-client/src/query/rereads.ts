import type { Query, QueryClient } from "@tanstack/react-query";
import { Timer } from "../timer.js";

/** At most one reading of a query begins in so many milliseconds. */
const INTERVAL_MS = 250;

interface Reading {
  readonly timer: Timer;
  lastStart: number;
  isRunning: boolean;
  hasFailed: boolean;
  wanted: PromiseWithResolversOf | null;
}

interface PromiseWithResolversOf {
  readonly settled: Promise<void>;
  readonly settle: (error?: unknown) => void;
}

/** Reads active queries again, each at most once in 250 ms, and never before its last reading is over. */
export class Rereads {
  readonly #client: QueryClient;
  readonly #readings = new Map<Query, Reading>();

  constructor(client: QueryClient) {
    this.#client = client;
  }

  /** Reads the query again, by a request that begins after this call. Fulfilled when it has been answered. */
  want(query: Query): Promise<void> {
    const reading = this.#readings.get(query) ?? {
      timer: new Timer(),
      lastStart: Number.NEGATIVE_INFINITY,
      isRunning: false,
      hasFailed: false,
      wanted: null,
    };
    this.#readings.set(query, reading);
    reading.wanted ??= wish();
    const { settled } = reading.wanted;
    this.#plan(query, reading);
    return settled;
  }

  /** The network is back: what failed is read again. */
  retry(): void {
    for (const [query, reading] of [...this.#readings]) {
      if (reading.hasFailed) {
        reading.hasFailed = false;
        this.want(query).catch(() => {});
      }
    }
  }

  end(): void {
    for (const { timer, wanted } of this.#readings.values()) {
      timer.clear();
      wanted?.settle();
    }
    this.#readings.clear();
  }

  #plan(query: Query, reading: Reading): void {
    if (!reading.isRunning && reading.wanted) {
      reading.timer.set(reading.lastStart + INTERVAL_MS - Date.now(), () => void this.#start(query, reading));
      if (reading.lastStart + INTERVAL_MS <= Date.now()) {
        reading.timer.clear();
        void this.#start(query, reading);
      }
    }
  }

  async #start(query: Query, reading: Reading): Promise<void> {
    const { wanted } = reading;
    reading.wanted = null;
    reading.isRunning = true;
    reading.lastStart = Date.now();
    try {
      // A request that is on its way may have been answered before the change: it is cancelled.
      await this.#client.refetchQueries(
        { queryKey: query.queryKey, exact: true, type: "active" },
        { cancelRefetch: true, throwOnError: true },
      );
      reading.hasFailed = false;
      wanted?.settle();
    } catch (error) {
      reading.hasFailed = true;
      wanted?.settle(error);
    }
    reading.isRunning = false;
    this.#plan(query, reading);
    if (!reading.isRunning && !reading.wanted) {
      // Kept until the interval is over, so that the next request keeps its distance.
      reading.timer.set(INTERVAL_MS, () => !reading.hasFailed && this.#readings.delete(query));
    }
  }
}

function wish(): PromiseWithResolversOf {
  let settle: PromiseWithResolversOf["settle"] = () => {};
  const settled = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  // Not everybody who wants a query read waits for it.
  settled.catch(() => {});
  return { settled, settle };
}
