import { Timer } from "../timer.js";

/** Silence after which the server is asked for a sign of life. The server itself speaks every 20 seconds. */
const SILENCE_MS = 12_000;
/** How long it may take to answer then. Together well below the 30 seconds in which a stall must be found. */
const ANSWER_MS = 8_000;
/** How long it may take when there is a reason for doubt: the network changed, the page was asleep. */
const DOUBT_MS = 3_000;

/** Watches a link: finds out when it is up only in name, and how long a round trip takes. */
export class Heartbeat {
  readonly #ping: (limitMs: number) => Promise<unknown>;
  readonly #onRoundTrip: (ms: number) => void;
  readonly #onStalled: () => void;
  readonly #timer = new Timer();
  #stopped = false;
  #heardAt = 0;

  constructor(
    ping: (limitMs: number) => Promise<unknown>,
    onRoundTrip: (ms: number) => void,
    onStalled: () => void,
  ) {
    this.#ping = ping;
    this.#onRoundTrip = onRoundTrip;
    this.#onStalled = onStalled;
    this.heard();
    this.#ask(ANSWER_MS);
  }

  /** Something came from the server. */
  heard(): void {
    // By the clock that nobody sets.
    this.#heardAt = performance.now();
    if (!this.#timer.isSet && !this.#stopped) {
      this.#timer.set(SILENCE_MS, () => this.#due());
    }
  }

  /** Asks now and gives up sooner than usual. */
  probe(): void {
    this.#ask(DOUBT_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.clear();
  }

  #due(): void {
    // One timer for many messages: it looks at the time instead of being moved by each.
    const silent = performance.now() - this.#heardAt;
    if (silent < SILENCE_MS) {
      this.#timer.set(SILENCE_MS - silent, () => this.#due());
    } else {
      this.#ask(ANSWER_MS);
    }
  }

  #ask(limitMs: number): void {
    const sentAt = performance.now();
    this.#ping(limitMs).then(
      () => {
        if (!this.#stopped) {
          this.#onRoundTrip(Math.round((performance.now() - sentAt) * 10) / 10);
          this.heard();
        }
      },
      () => {
        if (!this.#stopped) {
          this.stop();
          this.#onStalled();
        }
      },
    );
  }
}
