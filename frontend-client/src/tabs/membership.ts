import type { Connection } from "../connection/connection.js";
import type { LineEvents } from "../connection/line.js";
import type { ConnectionState } from "../connection/state.js";
import type { Channel, Locks } from "../environment.js";
import { newId } from "../id.js";
import { Follower } from "./follower.js";
import { Leader } from "./leader.js";
import type { TabMessage } from "./messages.js";

/** After a tab has given up the lead it keeps the next one for so long, each time twice as long. */
const YIELD_AGAIN_MS = 60_000;

/** What sharing takes from the browser. */
export interface TabBrowser {
  readonly locks: Locks;
  readonly openChannel: (name: string) => Channel;
}

/** What a {@link Membership} needs of its tab. */
export interface MembershipContext extends TabBrowser {
  /** What the tabs that share a connection have in common. */
  readonly name: string;
  readonly connect: (events: LineEvents) => Connection;
  readonly events: LineEvents;
  readonly state: (state: Partial<ConnectionState>) => void;
  /** The browser gives this page no locks, as it does where storage is forbidden. */
  readonly denied: () => void;
}

/**
 * One tab's place among those that share a connection. Whoever gets the lock leads; the browser passes it
 * on at once when the leader's tab is gone, in whatever way.
 */
export class Membership {
  readonly #context: MembershipContext;
  readonly #tab = newId();
  readonly #channel: Channel;
  readonly #ended = new AbortController();
  /** Ends holding the locks. */
  #release: (() => void)[] = [];
  #role: Leader | Follower | null = null;
  #yields = 0;
  #keepsLeadUntil = 0;

  constructor(context: MembershipContext) {
    this.#context = context;
    const { name, openChannel } = context;
    this.#channel = openChannel(name);
    this.#channel.onmessage = ({ data }) => this.#role?.heard(data as TabMessage);
    // First the sign of life, then the first word: the leader watches the lock of every tab it hears of.
    this.#hold(this.#lifeOf(this.#tab), {}, () => {
      this.#follow();
      this.#run();
    });
  }

  request(command: string, payload: unknown, timeoutMs?: number): Promise<unknown> {
    const role = this.#role;
    if (role instanceof Leader) {
      return role.request(this.#tab, command, payload, timeoutMs);
    }
    return role ? role.request(command, payload, timeoutMs) : new Promise(() => {});
  }

  wake(): void {
    const role = this.#role;
    role instanceof Leader ? role.connection.wake() : role?.wake();
  }

  stop(): void {
    this.#role?.stop();
    this.#say({ kind: "leaving", from: this.#tab });
    this.#role = null;
    this.#ended.abort();
    this.#channel.onmessage = null;
    this.#channel.close();
    this.#letGo();
  }

  #follow(): void {
    this.#role?.stop();
    this.#role = null;
    this.#context.state({ sharing: "follower" });
    this.#role = new Follower({
      tab: this.#tab,
      say: (message) => this.#say(message),
      state: (state) => this.#context.state({ ...state, sharing: "follower" }),
      events: this.#context.events,
      leaderHangs: () => this.#seize(),
    });
  }

  #lead(release: () => void): void {
    this.#role?.stop();
    const { locks, events, connect, state } = this.#context;
    const leader = new Leader({
      tab: this.#tab,
      locks,
      lifeOf: (tab) => this.#lifeOf(tab),
      say: (message) => this.#say(message),
      connect,
      own: events,
    });
    const mirror = () => {
      const now = leader.connection.state.getSnapshot();
      state({ ...now, sharing: "leader" });
      if (now.status === "connected") {
        this.#yields = 0;
        this.#keepsLeadUntil = 0;
      } else if (now.status === "failed" && now.lastError?.code.startsWith("token_")) {
        // Later, because the connection is still telling of its failure.
        queueMicrotask(() => this.#role === leader && leader.hasFollowers && this.#yield(release));
      }
    };
    leader.connection.state.subscribe(mirror);
    this.#role = leader;
    leader.start();
  }

  /** Leaves the lead to a tab that may still get a token: this one may have been signed out alone. */
  #yield(release: () => void): void {
    const now = performance.now();
    if (now >= this.#keepsLeadUntil) {
      this.#yields += 1;
      this.#keepsLeadUntil = now + YIELD_AGAIN_MS * 2 ** this.#yields;
      this.#follow();
      release();
      this.#run();
    }
  }

  /** Waits for the lead. */
  #run(): void {
    this.#hold(this.#context.name, {}, (release) => this.#lead(release));
  }

  /** Takes the lead from a tab that hangs. */
  #seize(): void {
    this.#hold(this.#context.name, { steal: true }, (release) => this.#lead(release));
  }

  /** Holds a lock from when it is granted until it is released, at the latest at the end. */
  #hold(lock: string, options: { steal?: boolean }, granted: (release: () => void) => void): void {
    const held = () => {
      if (this.#ended.signal.aborted) {
        return;
      }
      return new Promise<void>((release) => {
        this.#release.push(release);
        granted(release);
      });
    };
    // The two options exclude each other.
    const how = options.steal ? { steal: true } : { signal: this.#ended.signal };
    this.#context.locks.request(lock, how, held).catch(() => {
      if (this.#ended.signal.aborted) {
        return;
      }
      if (this.#role === null) {
        this.#context.denied();
      } else if (this.#role instanceof Leader) {
        // Stolen, because this tab seemed to hang: another one leads now.
        this.#follow();
        this.#run();
      }
    });
  }

  #letGo(): void {
    for (const release of this.#release.splice(0)) {
      release();
    }
  }

  #lifeOf(tab: string): string {
    return `${this.#context.name}:${tab}`;
  }

  #say(message: TabMessage): void {
    // Whoever is told of a state may end the membership while others are still being told.
    if (!this.#ended.signal.aborted) {
      this.#channel.postMessage(message);
    }
  }
}
