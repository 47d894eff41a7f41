import type { Fanfare } from "../fanfare.js";
import { EVENT_TYPES, type Position } from "../generated/protocol.js";
import { type Change, changesOf, roomName } from "./changes.js";
import { Frames } from "./frames.js";
import { Journal } from "./journal.js";
import type { Policies } from "./policies.js";

/** A page without frames, a hidden one for example, does not let more changes than this wait. */
const WAITING_LIMIT = 5000;

/** What a {@link Following} needs of its cache. */
export interface FollowingContext {
  readonly policies: Policies;
  /** Makes the changes; fulfilled when what has to be read after them has been read, rejected when it cannot be. */
  readonly make: (changes: readonly Change[]) => Promise<unknown>;
  /** The connection is back: what could not be read before can be read now. */
  readonly retry: () => void;
}

/**
 * Turns a client's events into changes of a cache: gathers those of a frame, remembers them for answers on their way, and
 * has the data of a room read again when it may lack something.
 */
export class Following {
  readonly journal = new Journal();
  readonly #fanfare: Fanfare;
  readonly #context: FollowingContext;
  readonly #frames = new Frames(() => this.#make());
  readonly #detachments: (() => void)[];
  /** Where the rooms stood that were followed; null for those that were never joined. */
  readonly #positions = new Map<string, Position | null>();
  #waiting: Change[] = [];

  constructor(fanfare: Fanfare, context: FollowingContext) {
    this.#fanfare = fanfare;
    this.#context = context;
    const { connection } = fanfare;
    this.#detachments = [
      ...EVENT_TYPES.map((type) =>
        fanfare.on(type, (event) =>
          this.#happened(changesOf(event, context.policies, connection.getSnapshot().userId)),
        ),
      ),
      fanfare.onStale((room) => this.#readAgain(room)),
      fanfare.onRemoved((room) => {
        this.#positions.delete(room);
        this.#happened([{ do: "forget", room: roomName(room) }]);
      }),
      connection.subscribe(() => {
        if (connection.getSnapshot().status === "connected") {
          context.retry();
        }
      }),
    ];
  }

  /** Ends it: nothing that happens from now on becomes a change. */
  end(): void {
    for (const detach of this.#detachments.splice(0)) {
      detach();
    }
    this.#frames.cancel();
  }

  /**
   * Joins a room as long as the cache holds its data, until the returned function is called. What was read before the
   * room was joined is read again.
   */
  readonly sync = (room: string): (() => void) => {
    const position = this.#positions.get(room);
    this.#positions.set(room, position ?? null);
    const use = this.#fanfare.subscribe(room, position ? { position } : {});
    if (!position) {
      // What the cache holds was read before the room was joined: it may lack what happened in between.
      use.ready.then(
        () => void this.#readAgain(room).catch(() => {}),
        () => {},
      );
    }
    return () => {
      this.#positions.set(room, use.position);
      use.unsubscribe();
    };
  };

  /** Has changes made in the next frame: those that are about what is being written just now. */
  postpone(changes: readonly Change[]): void {
    this.#waiting.push(...changes);
    if (this.#waiting.length > 0) {
      this.#frames.request();
    }
  }

  /** What may have happened when nobody knows: everything that was ever followed is out of date. */
  everything(): Change[] {
    return [...this.#positions.keys()].map((room) => ({ do: "doubt", of: roomName(room), fields: "all" }));
  }

  #happened(changes: readonly Change[]): void {
    for (const change of changes) {
      this.journal.add(change);
    }
    this.postpone(changes);
    if (this.#waiting.length > WAITING_LIMIT) {
      this.#make();
    }
  }

  /** Everything of a room is out of date. Fulfilled when all that is shown of it has been read again. */
  #readAgain(room: string): Promise<unknown> {
    this.#happened([{ do: "doubt", of: roomName(room), fields: "all" }]);
    // At once: what is asked for from now on is not out of date.
    return this.#flush();
  }

  /** What cannot be read is tried again by those who read; here nobody waits for it. */
  #make(): void {
    this.#flush().catch(() => {});
  }

  #flush(): Promise<unknown> {
    this.#frames.cancel();
    return this.#context.make(this.#waiting.splice(0));
  }
}
