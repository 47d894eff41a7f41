import type { Connection } from "../connection/connection.js";
import type { LineEvents } from "../connection/line.js";
import type { Locks } from "../environment.js";
import { FanfareError } from "../errors.js";
import { Interest } from "./interest.js";
import { copyOf, copyOfState, type TabMessage } from "./messages.js";

/** What a {@link Leader} needs of its tab. */
export interface LeaderContext {
  readonly tab: string;
  readonly locks: Locks;
  /** The lock that a tab holds as long as it lives. */
  readonly lifeOf: (tab: string) => string;
  readonly say: (message: TabMessage) => void;
  readonly connect: (events: LineEvents) => Connection;
  /** The leader's own tab, which is served like any other. */
  readonly own: LineEvents;
}

/** The tab that holds the connection: passes on what the others ask, and everything the server says to all. */
export class Leader {
  readonly connection: Connection;
  readonly #context: LeaderContext;
  readonly #interest = new Interest();
  readonly #followers = new Map<string, AbortController>();
  #isUp = false;

  constructor(context: LeaderContext) {
    this.#context = context;
    const { tab, say, own } = context;
    this.connection = context.connect({
      opened: () => {
        this.#isUp = true;
        this.#interest.clear();
        say({ kind: "opened", from: tab });
        own.opened();
      },
      message: (name, argument) => {
        // Copying it is dear, and a tab that has not said hello yet does not need it: it joins its rooms afterwards.
        if (this.#followers.size > 0) {
          say({ kind: "said", from: tab, name, argument });
        }
        own.message(name, argument);
      },
      closed: () => {
        this.#isUp = false;
        say({ kind: "closed", from: tab });
        own.closed();
      },
    });
    this.connection.state.subscribe(() => {
      say({ kind: "state", from: tab, state: copyOfState(this.connection.state.getSnapshot()) });
    });
  }

  /** Whether other tabs use the connection. */
  get hasFollowers(): boolean {
    return this.#followers.size > 0;
  }

  start(): void {
    this.introduce();
    this.connection.start();
  }

  stop(): void {
    for (const watch of this.#followers.values()) {
      watch.abort();
    }
    this.connection.stop();
  }

  introduce(): void {
    const state = copyOfState(this.connection.state.getSnapshot());
    this.#context.say({ kind: "leading", from: this.#context.tab, state, isUp: this.#isUp });
  }

  /** Another tab said something. */
  heard(message: TabMessage): void {
    switch (message.kind) {
      case "hello":
        this.#watch(message.from);
        this.introduce();
        break;
      case "leaving":
        this.#gone(message.from);
        break;
      case "wake":
        this.connection.wake();
        break;
      case "request":
        void this.#serve(message);
        break;
      default:
      // The rest is what leaders say.
    }
  }

  /** Sends a tab's command, unless other tabs still need what it would end. */
  async request(tab: string, command: string, payload: unknown, timeoutMs?: number): Promise<unknown> {
    return this.#interest.note(tab, command, payload)
      ? this.connection.request(command, payload, timeoutMs)
      : { success: true };
  }

  async #serve({
    from,
    id,
    command,
    payload,
    timeoutMs,
  }: Extract<TabMessage, { kind: "request" }>): Promise<void> {
    const { say } = this.#context;
    try {
      say({ kind: "answer", to: from, id, ack: await this.request(from, command, payload, timeoutMs) });
    } catch (error) {
      say({ kind: "failure", to: from, id, error: copyOf(FanfareError.from(error, "internal")) });
    }
  }

  /** Waits for the end of a tab: its lock is free when it is gone, however it went. */
  #watch(tab: string): void {
    if (!this.#followers.has(tab)) {
      const watch = new AbortController();
      this.#followers.set(tab, watch);
      const { locks, lifeOf } = this.#context;
      // Rejected when the watch ends first: then nobody cares.
      locks.request(lifeOf(tab), { signal: watch.signal }, () => this.#gone(tab)).catch(() => {});
    }
  }

  #gone(tab: string): void {
    this.#followers.get(tab)?.abort();
    this.#followers.delete(tab);
    for (const { command, payload } of this.#interest.forget(tab)) {
      this.connection.request(command, payload).catch(() => {});
    }
  }
}
