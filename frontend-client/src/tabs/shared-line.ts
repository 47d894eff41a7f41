import { backoff } from "../connection/backoff.js";
import { Connection, type ConnectionParts } from "../connection/connection.js";
import type { Line, LineEvents } from "../connection/line.js";
import { type ConnectionState, DISCONNECTED } from "../connection/state.js";
import { connectionLost, FanfareError } from "../errors.js";
import { PROTOCOL_VERSION } from "../generated/protocol.js";
import { Cell } from "../store.js";
import { Timer } from "../timer.js";
import { claimsOf } from "../wire/jwt.js";
import { Membership, type TabBrowser } from "./membership.js";

/**
 * A line that the tabs of one user share. Who the user is stands in the token: tabs that are signed in as
 * different people must never hear each other's events.
 */
export class SharedLine implements Line {
  readonly state: Cell<ConnectionState>;
  readonly #parts: ConnectionParts;
  readonly #name: string;
  readonly #browser: TabBrowser;
  readonly #events: LineEvents;
  readonly #retry = new Timer();
  #running = false;
  #starts = 0;
  #member: Pick<Line, "request" | "wake" | "stop"> | null = null;

  constructor(parts: ConnectionParts, name: string, browser: TabBrowser, events: LineEvents) {
    this.#parts = parts;
    this.#name = name;
    this.#browser = browser;
    this.#events = events;
    this.state = new Cell(DISCONNECTED, parts.report);
  }

  start(): void {
    if (!this.#running) {
      this.#running = true;
      this.state.update({ status: "connecting" });
      void this.#identify();
    }
  }

  stop(): void {
    this.#running = false;
    this.#starts += 1;
    this.#retry.clear();
    const member = this.#member;
    this.#member = null;
    this.#parts.tokens.user = null;
    member?.stop();
    this.state.update(DISCONNECTED);
  }

  wake(): void {
    if (this.#retry.isSet) {
      this.#retry.clear();
      void this.#identify();
    }
    this.#member?.wake();
  }

  request(command: string, payload: unknown, timeoutMs?: number): Promise<unknown> {
    return this.#member?.request(command, payload, timeoutMs) ?? Promise.reject(connectionLost());
  }

  async #identify(): Promise<void> {
    this.#starts += 1;
    const start = this.#starts;
    const { tokens } = this.#parts;
    const { attempt } = this.state.getSnapshot();
    this.state.update({ attempt: attempt + 1, nextRetryAt: null });
    try {
      const token = await tokens.get("connect");
      if (start === this.#starts) {
        tokens.keep(token);
        this.state.update({ attempt: 0 });
        this.#join(claimsOf(token).sub);
      }
    } catch (error) {
      if (start === this.#starts) {
        this.#failed(FanfareError.from(error, "token_unavailable"));
      }
    }
  }

  #join(user: string | null): void {
    const state = (change: Partial<ConnectionState>) => this.#mirror(change);
    const connect = (events: LineEvents) => new Connection(this.#parts, events);
    const alone = () => {
      this.#member?.stop();
      const connection = connect(this.#events);
      connection.state.subscribe(() => state(connection.state.getSnapshot()));
      this.#member = connection;
      connection.start();
    };
    this.#parts.tokens.user = user;
    if (user === null && this.#name === "") {
      // Nobody can tell whose tab this is.
      alone();
      return;
    }
    // Tabs that speak different protocols, loaded before and after a release, cannot use one connection.
    const name = ["fanfare", PROTOCOL_VERSION, this.#parts.url, this.#name, user].join(" ");
    const context = { ...this.#browser, name, connect, events: this.#events, state, denied: alone };
    try {
      this.#member = new Membership(context);
    } catch {
      // Channels can be forbidden as well.
      alone();
    }
  }

  #mirror(change: Partial<ConnectionState>): void {
    if (this.#running) {
      const { status } = this.state.getSnapshot();
      // For this tab the connection of a new leader, or one that a leader lets go of, is no beginning and no end.
      const again =
        status !== "connecting" && (change.status === "connecting" || change.status === "disconnected");
      this.state.update(again ? { ...change, status: "reconnecting" } : change);
    }
  }

  #failed(lastError: FanfareError): void {
    const { policy, environment } = this.#parts;
    const { attempt } = this.state.getSnapshot();
    const waitMs = backoff(policy, attempt, environment.random());
    const status = attempt >= policy.maxAttempts ? "failed" : "reconnecting";
    this.state.update({ status, lastError, nextRetryAt: Date.now() + waitMs });
    this.#retry.set(waitMs, () => void this.#identify());
  }
}
