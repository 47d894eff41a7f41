import { Listeners, type Readable } from "./store.js";
import { Timer } from "./timer.js";
import { textIn, textsIn } from "./wire/check.js";

const NOBODY: readonly string[] = [];
/** Presence goes on being followed for so long after the last listener left. */
const LINGER_MS = 1000;
const ASK_AGAIN_MS = 2000;
/** Refusals that time can heal. Without a connection, the next one asks. */
const TEMPORARY: unknown[] = ["rate_limited", "unavailable", "timeout"];

/** One room whose presence is followed. */
interface Followed {
  /** Until it is no longer followed. */
  readonly linger: Timer;
  /** Until it is asked again. */
  readonly retry: Timer;
  members: readonly string[];
}

/** Who is in which room. Only rooms that somebody listens to are followed. */
export class Presence {
  readonly #followed = new Map<string, Followed>();
  readonly #listeners: Listeners<[]>;
  readonly #request: (command: string, payload: unknown) => Promise<unknown>;

  constructor(
    request: (command: string, payload: unknown) => Promise<unknown>,
    report: (error: unknown) => void,
  ) {
    this.#request = request;
    this.#listeners = new Listeners(report);
  }

  /** The user ids in a room, sorted, as a store. */
  of(room: string): Readable<readonly string[]> {
    return {
      subscribe: (listener) => this.#listen(room, listener),
      getSnapshot: () => this.#followed.get(room)?.members ?? NOBODY,
    };
  }

  /** A connection is up: what is followed has to be asked for again. */
  opened(): void {
    for (const room of this.#followed.keys()) {
      this.#ask(room);
    }
  }

  /** What the server says about a room. */
  notice(argument: unknown): void {
    const room = textIn(argument, "room") ?? "";
    const followed = this.#followed.get(room);
    if (followed) {
      const left = textsIn(argument, "left") ?? [];
      const before = textsIn(argument, "members") ?? followed.members;
      const members = new Set([...before, ...(textsIn(argument, "joined") ?? [])]);
      followed.members = [...members].filter((user) => !left.includes(user)).sort();
      this.#listeners.tell(room);
    }
  }

  /** Nobody is known to be anywhere: the connection will not be back soon. */
  clear(): void {
    for (const followed of this.#followed.values()) {
      followed.members = NOBODY;
    }
    this.#listeners.tellAll();
  }

  end(): void {
    for (const room of this.#followed.keys()) {
      this.#forget(room);
    }
  }

  #listen(room: string, listener: () => void): () => void {
    const followed = this.#followed.get(room);
    const end = this.#listeners.add(room, listener);
    if (followed) {
      followed.linger.clear();
    } else {
      this.#followed.set(room, { linger: new Timer(), retry: new Timer(), members: NOBODY });
      this.#ask(room);
    }
    return () => {
      end();
      if (!this.#listeners.has(room)) {
        this.#followed.get(room)?.linger.set(LINGER_MS, () => {
          this.#forget(room);
          this.#request("presence_unsubscribe", { room }).catch(() => {});
        });
      }
    };
  }

  #forget(room: string): void {
    const followed = this.#followed.get(room);
    followed?.linger.clear();
    followed?.retry.clear();
    this.#followed.delete(room);
  }

  #ask(room: string): void {
    this.#request("presence_subscribe", { room }).catch((error: { code?: unknown }) => {
      if (TEMPORARY.includes(error.code)) {
        this.#followed.get(room)?.retry.set(ASK_AGAIN_MS, () => this.#ask(room));
      }
    });
  }
}
