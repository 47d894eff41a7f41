import type { Query, QueryClient } from "@tanstack/react-query";
import { Timer } from "../timer.js";

/** At most one reading of a query begins in so many milliseconds. */
const INTERVAL_MS = 250;
/** After a failure that the query's own attempts did not overcome: the first wait, doubled each time. */
const RETRY_MS = 1000;
/** So many failures in a row are believed; then it is read again when the connection is back. */
const ATTEMPTS = 5;

interface Reading {
  readonly timer: Timer;
  lastStart: number;
  isRunning: boolean;
  /** In a row. */
  failures: number;
  wanted: Wanted | null;
}

interface Wanted {
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
      failures: 0,
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
      if (reading.failures > 0) {
        reading.failures = 0;
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
    if (reading.isRunning || !reading.wanted) {
      return;
    }
    const pause = reading.failures > 0 ? RETRY_MS * 2 ** (reading.failures - 1) : INTERVAL_MS;
    const wait = reading.lastStart + pause - Date.now();
    if (wait > 0) {
      reading.timer.set(wait, () => void this.#start(query, reading));
    } else {
      reading.timer.clear();
      void this.#start(query, reading);
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
      reading.failures = 0;
      wanted?.settle();
    } catch (error) {
      this.#failed(query, reading, wanted, error);
    }
    reading.isRunning = false;
    this.#plan(query, reading);
    if (!reading.isRunning && !reading.wanted) {
      // Kept until the interval is over, so that the next request keeps its distance.
      reading.timer.set(INTERVAL_MS, () => {
        if (reading.failures === 0 || !query.isActive()) {
          this.#readings.delete(query);
        }
      });
    }
  }

  #failed(query: Query, reading: Reading, wanted: Wanted | null, error: unknown): void {
    reading.failures += 1;
    if (!wanted || reading.failures >= ATTEMPTS || !query.isActive()) {
      wanted?.settle(error);
    } else if (reading.wanted) {
      reading.wanted.settled.then(() => wanted.settle(), wanted.settle);
    } else {
      reading.wanted = wanted;
    }
  }
}

function wish(): Wanted {
  let settle: Wanted["settle"] = () => {};
  const settled = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  // Not everybody who wants a query read waits for it.
  settled.catch(() => {});
  return { settled, settle };
}
