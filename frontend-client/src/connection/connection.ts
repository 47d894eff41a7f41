import type { Environment } from "../environment.js";
import { connectionLost, type ErrorCode, type FanfareError } from "../errors.js";
import type { Code, ReconnectPolicy } from "../generated/protocol.js";
import { Cell } from "../store.js";
import { Timer } from "../timer.js";
import type { Greeting, Transport } from "../transport/transport.js";
import { backoff, slowBackoff } from "./backoff.js";
import { Fallback } from "./fallback.js";
import { ANSWER_LIMIT_MS, type Line, type LineEvents } from "./line.js";
import { Session } from "./session.js";
import { type ConnectionState, DISCONNECTED } from "./state.js";
import type { Tokens } from "./tokens.js";

/** A connection that ends sooner counts as an attempt that failed, when the one before it did so as well. */
const STEADY_MS = 2000;
/** How often it is looked whether the preferred transport works again. */
const RETURN_MS = 30_000;

/** Trying again soon cannot help: people have to do something first. */
const HOPELESS: readonly ErrorCode[] = ["protocol_mismatch", "identity_changed", "forbidden"];
/** The server's refusals of a token. */
const ABOUT_TOKENS = /^token_(?!unavailable)/;
const ABOUT_TRANSPORT: readonly ErrorCode[] = ["connection_lost", "timeout"];

/** What a {@link Connection} is made of. */
export interface ConnectionParts {
  readonly url: string;
  readonly policy: ReconnectPolicy;
  readonly tokens: Tokens;
  readonly transport: Transport;
  /** Used while `transport` cannot be opened. */
  readonly otherTransport: Transport | null;
  readonly environment: Environment;
  readonly report: (error: unknown) => void;
}

/** Keeps a session with the server up: attempts, waiting between them, and the choice of transport. */
export class Connection implements Line {
  readonly state: Cell<ConnectionState>;
  readonly #parts: ConnectionParts;
  readonly #events: LineEvents;
  readonly #fallback: Fallback;
  readonly #retry = new Timer();
  readonly #move = new Timer();
  #policy: ReconnectPolicy;
  #running = false;
  #session: Session | null = null;
  /** Will take the session's place when it has been greeted: by a better transport, or another instance. */
  #successor: Session | null = null;
  #refusals = 0;
  #openedAt = 0;
  /** Connections in a row that soon ended. */
  #brief = 0;

  constructor(parts: ConnectionParts, events: LineEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#policy = parts.policy;
    this.#fallback = new Fallback(parts.transport, parts.otherTransport);
    this.state = new Cell(DISCONNECTED, parts.report);
  }

  start(): void {
    if (!this.#running) {
      this.#running = true;
      this.#attempt("connecting");
    }
  }

  stop(): void {
    this.#running = false;
    const wasOpen = this.#session?.isOpen;
    this.#retry.clear();
    this.#move.clear();
    this.#session?.end();
    this.#successor?.end();
    this.#session = null;
    this.#successor = null;
    this.state.update(DISCONNECTED);
    if (wasOpen) {
      this.#events.closed();
    }
  }

  wake(): void {
    if (this.#retry.isSet) {
      this.#fallback.forget();
      this.#attempt("reconnecting", DISCONNECTED);
    } else if (this.#session?.isOpen) {
      this.#session.probe();
      if (this.#fallback.isSecondBest(this.#session.transport)) {
        this.#prepareMove();
      }
    }
  }

  request(command: string, payload: unknown, timeoutMs = ANSWER_LIMIT_MS): Promise<unknown> {
    return this.#session?.isOpen
      ? this.#session.request(command, payload, timeoutMs)
      : Promise.reject(connectionLost());
  }

  #attempt(status = this.state.getSnapshot().status, { attempt } = this.state.getSnapshot()): void {
    this.#retry.clear();
    this.state.update({ status, attempt: attempt + 1, nextRetryAt: null });
    // Whoever was told of it may have stopped the connection.
    if (this.#running) {
      this.#session = this.#begin(this.#fallback.next());
    }
  }

  #begin(transport: Transport): Session {
    return new Session(this.#parts.url, transport, this.#parts.tokens, {
      opened: (session, greeting) => this.#opened(session, greeting),
      message: (name, argument) => this.#events.message(name, argument),
      roundTrip: (rttMs) => this.state.update({ rttMs }),
      draining: (afterMs) => this.#move.set(afterMs, () => this.#prepareMove()),
      over: (session, error) => this.#over(session, error),
    });
  }

  #opened(session: Session, greeting: Greeting): void {
    if (session === this.#successor) {
      this.#session?.end();
      this.#session = session;
      this.#successor = null;
    }
    this.#refusals = 0;
    this.#openedAt = performance.now();
    this.#parts.tokens.refused = undefined;
    this.#fallback.opened(session.transport);
    this.#policy = greeting.policy ?? this.#policy;
    this.#move.clear();
    if (this.#fallback.isSecondBest(session.transport)) {
      this.#planReturn();
    }
    const { connectionId, userId } = greeting;
    const up = { attempt: 0, nextRetryAt: null, lastError: null, transport: session.transport.kind };
    this.state.update({ status: "connected", ...up, connectionId, userId });
    if (this.#running) {
      this.#events.opened();
    }
  }

  #planReturn(): void {
    this.#move.set(RETURN_MS * (0.8 + 0.4 * this.#parts.environment.random()), () => this.#prepareMove());
  }

  /** Opens the next session beside this one, so that nothing is interrupted when it works out. */
  #prepareMove(): void {
    this.#successor ??= this.#begin(this.#fallback.preferred);
  }

  #over(session: Session, error: FanfareError): void {
    if (session === this.#successor) {
      this.#successor = null;
      if (this.#session && this.#fallback.isSecondBest(this.#session.transport)) {
        this.#planReturn();
      }
      return;
    }
    const wasOpen = this.state.getSnapshot().status === "connected";
    this.#move.clear();
    if (wasOpen) {
      this.#brief = performance.now() - this.#openedAt < STEADY_MS ? this.#brief + 1 : 0;
    } else if (ABOUT_TRANSPORT.includes(error.code)) {
      this.#fallback.failed(session.transport);
    }
    this.#session = this.#successor;
    this.#successor = null;
    this.#noteRefusal(error);
    const down = { lastError: error, transport: null, connectionId: null };
    if (this.#session) {
      this.state.update({ ...down, status: "reconnecting", attempt: 1 });
    } else {
      this.state.update({ ...down, ...this.#planAttempt(error) });
    }
    if (wasOpen) {
      this.#events.closed();
    }
  }

  #noteRefusal(error: FanfareError): void {
    const refused = ABOUT_TOKENS.test(error.code);
    this.#refusals = refused ? this.#refusals + 1 : 0;
    this.#parts.tokens.refused = refused ? (error.code as Code) : undefined;
  }

  #planAttempt(error: FanfareError): Pick<ConnectionState, "status" | "nextRetryAt"> {
    const { attempt } = this.state.getSnapshot();
    const spent = attempt >= this.#policy.maxAttempts || this.#refusals > 1 || HOPELESS.includes(error.code);
    const random = this.#parts.environment.random();
    const wait = spent
      ? slowBackoff(this.#policy, random)
      : backoff(this.#policy, Math.max(attempt, this.#brief, 1), random);
    const waitMs = Math.max(error.retryAfterMs ?? 0, wait);
    this.#retry.set(waitMs, () => this.#attempt());
    return { status: spent ? "failed" : "reconnecting", nextRetryAt: Date.now() + waitMs };
  }
}
