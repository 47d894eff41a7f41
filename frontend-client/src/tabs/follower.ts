import { ANSWER_LIMIT_MS, type LineEvents } from "../connection/line.js";
import type { ConnectionState } from "../connection/state.js";
import { connectionLost, type FanfareError, noAnswer } from "../errors.js";
import { Timer } from "../timer.js";
import { originalOf, originalOfState, type TabMessage } from "./messages.js";

/** The leader is asked for a sign of life after so long without one, and given up after as long again, twice. */
const SILENCE_MS = 4000;
const PATIENCE = 2;

/** What a {@link Follower} needs of its tab. */
export interface FollowerContext {
  readonly tab: string;
  readonly say: (message: TabMessage) => void;
  readonly state: (state: Omit<ConnectionState, "sharing">) => void;
  readonly events: LineEvents;
  /** The leader does not answer, although it still holds its lock. */
  readonly leaderHangs: () => void;
}

/** A tab that uses the leader's connection. */
export class Follower {
  readonly #context: FollowerContext;
  readonly #unanswered = new Map<
    number,
    { resolve: (ack: unknown) => void; reject: (error: FanfareError) => void }
  >();
  readonly #silence = new Timer();
  #leader: string | null = null;
  #isUp = false;
  #requests = 0;

  constructor(context: FollowerContext) {
    this.#context = context;
    context.say({ kind: "hello", from: context.tab });
    this.#listen(PATIENCE);
  }

  /** Sends a command by way of the leader. */
  request(command: string, payload: unknown, timeoutMs = ANSWER_LIMIT_MS): Promise<unknown> {
    if (!this.#isUp) {
      return Promise.reject(connectionLost());
    }
    this.#requests += 1;
    const id = this.#requests;
    this.#context.say({ kind: "request", from: this.#context.tab, id, command, payload, timeoutMs });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#unanswered.get(id)?.reject(noAnswer(command)), timeoutMs);
      const done = () => {
        clearTimeout(timer);
        this.#unanswered.delete(id);
      };
      this.#unanswered.set(id, {
        resolve: (ack) => {
          done();
          resolve(ack);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
    });
  }

  wake(): void {
    this.#context.say({ kind: "wake", from: this.#context.tab });
  }

  /** Ends following. */
  stop(): void {
    this.#silence.clear();
    this.#down();
  }

  /** Another tab said something. */
  heard(message: TabMessage): void {
    const { events, state, tab } = this.#context;
    if (message.kind === "answer" || message.kind === "failure") {
      if (message.to === tab) {
        const waiting = this.#unanswered.get(message.id);
        message.kind === "answer"
          ? waiting?.resolve(message.ack)
          : waiting?.reject(originalOf(message.error));
      }
      return;
    }
    if (message.kind === "leading" && message.from !== this.#leader) {
      this.#down();
      this.#leader = message.from;
      this.#context.say({ kind: "hello", from: tab });
    }
    if (message.from !== this.#leader) {
      return;
    }
    this.#listen(PATIENCE);
    switch (message.kind) {
      case "leading":
        state(originalOfState(message.state));
        if (message.isUp && !this.#isUp) {
          this.#isUp = true;
          events.opened();
        } else if (!message.isUp) {
          this.#down();
        }
        break;
      case "state":
        state(originalOfState(message.state));
        break;
      case "opened":
        this.#isUp = true;
        events.opened();
        break;
      case "closed":
        this.#down();
        break;
      case "said":
        if (this.#isUp) {
          events.message(message.name, message.argument);
        }
        break;
      default:
      // The rest is what followers say.
    }
  }

  #down(): void {
    for (const { reject } of [...this.#unanswered.values()]) {
      reject(connectionLost());
    }
    if (this.#isUp) {
      this.#isUp = false;
      this.#context.events.closed();
    }
  }

  #listen(patience: number): void {
    this.#silence.set(SILENCE_MS * (1 + Math.random() / 4), () => {
      if (patience === 0) {
        this.#context.leaderHangs();
      } else {
        this.#context.say({ kind: "hello", from: this.#context.tab });
        this.#listen(patience - 1);
      }
    });
  }
}
