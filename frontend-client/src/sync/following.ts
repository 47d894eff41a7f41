import type { Fanfare } from "../fanfare.js";
import { type Envelope, EVENT_TYPES, type Position } from "../generated/protocol.js";
import type { Subscription } from "../rooms/types.js";
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
  /** How far the rooms that were ever followed have been heard; null for those that were never joined. */
  readonly #heard = new Map<string, Position | null>();
  /** The rooms that are followed now. */
  readonly #uses = new Map<string, Subscription>();
  #waiting: Change[] = [];
  /** The epoch of the log that was heard last. */
  #epoch: string | null = null;

  constructor(fanfare: Fanfare, context: FollowingContext) {
    this.#fanfare = fanfare;
    this.#context = context;
    const { connection } = fanfare;
    this.#detachments = [
      ...EVENT_TYPES.map((type) =>
        fanfare.on(type, (event) => {
          this.#hear(event);
          this.#happened(changesOf(event, context.policies, connection.getSnapshot().userId));
        }),
      ),
      fanfare.onStale((room) => this.#stale(room)),
      fanfare.onRemoved((room) => {
        this.#heard.delete(room);
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
    const heard = this.#heard.get(room) ?? null;
    this.#heard.set(room, heard);
    const use = this.#fanfare.subscribe(room, heard ? { position: heard } : {});
    this.#uses.set(room, use);
    let isFollowed = true;
    use.ready.then(
      () => isFollowed && this.#joined(room, use),
      () => {},
    );
    return () => {
      isFollowed = false;
      if (this.#uses.get(room) === use) {
        this.#uses.delete(room);
      }
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
    return [...this.#heard.keys()].map((room) => ({ do: "doubt", of: roomName(room), fields: "all" }));
  }

  /** The cache may hold what was read before the room was joined: it may lack what happened in between. */
  #joined(room: string, { position }: Subscription): void {
    this.#noteEpoch(position?.epoch);
    const heard = this.#heard.get(room);
    const isComplete = heard && heard.epoch === position?.epoch && heard.offset >= position.offset;
    if (!isComplete) {
      this.#heard.set(room, position);
      this.#readAgain(room).catch(() => {});
    }
  }

  /** A room that is left may be in use elsewhere: as long as nothing is left out, its events are heard all the same. */
  #hear({ epoch, offsets }: Envelope): void {
    this.#noteEpoch(epoch);
    for (const [room, offset] of Object.entries(offsets)) {
      const heard = this.#heard.get(room);
      if (heard?.epoch === epoch && offset === heard.offset + 1) {
        this.#heard.set(room, { epoch, offset });
      }
    }
  }

  /** What comes now is of the log with this epoch. */
  #noteEpoch(epoch: string | undefined): void {
    const before = this.#epoch;
    this.#epoch = epoch ?? before;
    if (before !== null && before !== this.#epoch) {
      this.#happened([{ do: "rewind" }]);
    }
  }

  #stale(room: string): Promise<unknown> | undefined {
    const use = this.#uses.get(room);
    if (use) {
      this.#noteEpoch(use.position?.epoch);
      this.#heard.set(room, use.position);
    }
    const reading = this.#readAgain(room);
    const { kind } = roomName(room);
    if (kind === "user" || this.#context.policies.ofKind(kind)) {
      return reading;
    }
    // The cache knows nothing of such rooms. A promise would declare this one fresh.
    reading.catch(() => {});
    return undefined;
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
    const changes = this.#waiting.splice(0);
    try {
      return this.#context.make(changes);
    } catch (error) {
      // Code of the application's failed, a merge function for example: nobody knows which of the changes were made.
      report(error);
      return this.#context.make(this.everything());
    }
  }
}

/** As if nobody had caught it. */
function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
