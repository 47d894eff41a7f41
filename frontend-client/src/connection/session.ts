import { connectionLost, FanfareError } from "../errors.js";
import { Timer } from "../timer.js";
import type { Greeting, Link, Transport } from "../transport/transport.js";
import { numberIn, successOf } from "../wire/check.js";
import { claimsOf } from "../wire/jwt.js";
import { Heartbeat } from "./heartbeat.js";
import { ANSWER_LIMIT_MS } from "./line.js";
import type { Tokens } from "./tokens.js";

/** A session that has not been greeted by then has failed. */
const GREETING_LIMIT_MS = 15_000;
/** After a token could not be renewed, and at least between two that were. */
const RENEW_AGAIN_MS = 5_000;

/** What the owner of a session is told. After `over` nothing more. */
export interface SessionEvents {
  readonly opened: (session: Session, greeting: Greeting) => void;
  readonly message: (name: string, argument: unknown) => void;
  readonly roundTrip: (ms: number) => void;
  /** The server instance goes away and asks to be left in so many milliseconds. */
  readonly draining: (afterMs: number) => void;
  readonly over: (session: Session, error: FanfareError) => void;
}

/** One link from the attempt to its end, with what keeps it alive: its token and its heartbeat. */
export class Session {
  readonly transport: Transport;
  readonly #tokens: Tokens;
  readonly #events: SessionEvents;
  readonly #greetingLimit = new Timer();
  readonly #renewal = new Timer();
  #link: Link | null = null;
  #heartbeat: Heartbeat | null = null;
  /** When `performance.now()` was zero, by the server's clock: this machine's own may be set meanwhile. */
  #startedAt = 0;
  #ended = false;

  constructor(url: string, transport: Transport, tokens: Tokens, events: SessionEvents) {
    this.transport = transport;
    this.#tokens = tokens;
    this.#events = events;
    void this.#open(url);
  }

  get isOpen(): boolean {
    return this.#heartbeat !== null;
  }

  request(command: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    return this.#link && !this.#ended
      ? this.#link.request(command, payload, timeoutMs)
      : Promise.reject(connectionLost());
  }

  /** Finds out quickly whether the link is up in more than name. */
  probe(): void {
    this.#heartbeat?.probe();
  }

  /** Ends it; its owner is not told. */
  end(): void {
    this.#ended = true;
    this.#greetingLimit.clear();
    this.#renewal.clear();
    this.#heartbeat?.stop();
    this.#heartbeat = null;
    this.#link?.close();
  }

  async #open(url: string): Promise<void> {
    try {
      const [token] = await Promise.all([this.#tokens.get("connect"), this.transport.prepare?.()]);
      if (this.#ended) {
        return;
      }
      const late = new FanfareError("timeout", "The server did not greet in time.");
      this.#greetingLimit.set(GREETING_LIMIT_MS, () => this.#over(late));
      this.#link = this.transport.open(url, token, {
        opened: (greeting) => !this.#ended && this.#opened(greeting),
        message: (name, argument) => !this.#ended && this.#message(name, argument),
        heard: () => this.#heartbeat?.heard(),
        closed: (error) => this.#over(error),
      });
    } catch (error) {
      this.#over(FanfareError.from(error, "connection_lost"));
    }
  }

  #opened(greeting: Greeting): void {
    this.#greetingLimit.clear();
    const { skewMs, tokenExpiresAt } = greeting;
    this.#startedAt = Date.now() + skewMs - performance.now();
    if (tokenExpiresAt !== null) {
      this.#renewBefore(tokenExpiresAt + skewMs);
    }
    this.#heartbeat = new Heartbeat(
      (limitMs) => this.request("ping", {}, limitMs),
      this.#events.roundTrip,
      () => this.#over(new FanfareError("connection_stalled", "The server has gone silent.")),
    );
    this.#events.opened(this, greeting);
  }

  #message(name: string, argument: unknown): void {
    this.#heartbeat?.heard();
    if (name === "token_expiring") {
      this.#renewIn(0);
    } else if (name === "draining") {
      this.#events.draining(numberIn(argument, "reconnectAfterMs") ?? 0);
    } else if (name !== "welcome") {
      this.#events.message(name, argument);
    }
  }

  /** Plans to renew the token that ends then by the server's clock, early enough for some failures. */
  #renewBefore(expiresAt: number): void {
    const left = expiresAt - this.#startedAt - performance.now();
    // One that is over before it is used shows that the clock is wrong: the server says so in time.
    if (left > 0) {
      this.#renewIn(Math.max(RENEW_AGAIN_MS, left - Math.min(60_000, Math.max(5_000, left / 5))));
    }
  }

  #renewIn(ms: number): void {
    this.#renewal.set(ms, () => {
      this.#renew().catch(() => {
        if (!this.#ended && !this.#renewal.isSet) {
          this.#renewIn(RENEW_AGAIN_MS);
        }
      });
    });
  }

  async #renew(): Promise<void> {
    const token = await this.#tokens.get("refresh");
    successOf(await this.request("refresh_token", { token }, ANSWER_LIMIT_MS));
    const { exp } = claimsOf(token);
    // Without a readable end the server's own notice comes in time.
    if (exp !== null && !this.#ended) {
      this.#renewBefore(exp * 1000);
    }
  }

  #over(error: FanfareError): void {
    if (!this.#ended) {
      this.end();
      this.#events.over(this, error);
    }
  }
}
