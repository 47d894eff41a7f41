import type { ConnectionStatus } from "../connection/state.js";
import type { FanfareError } from "../errors.js";
import type { Envelope, Position } from "../generated/protocol.js";
import { Timer } from "../timer.js";
import { RoomLog } from "./log.js";
import { Staleness } from "./staleness.js";
import type { Freshness, RemovalCode, StaleCause } from "./types.js";
import type { Use } from "./use.js";

/** How many events a room without users keeps for the next one, before it is left. */
const HELD_LIMIT = 100;

/**
 * - `away`: not joined, and nobody has asked.
 * - `joining`: asked for; its events wait for the answer.
 * - `live`: joined.
 * - `refused`: not to be had.
 */
export type Phase = "away" | "joining" | "live" | "refused";

/** What a room needs of its surroundings. */
export interface RoomContext {
  readonly status: () => ConnectionStatus;
  readonly report: (error: unknown) => void;
  /** The room's freshness may have changed. */
  readonly changed: (room: string) => void;
  /** Tells the listeners for all rooms; gives what they are still doing about it. */
  readonly declared: (room: string, reason: StaleCause) => Promise<unknown>[];
  readonly removed: (room: string, code: RemovalCode) => void;
}

/** A room in use, or left so recently that it is still joined. */
export class Room {
  readonly name: string;
  readonly log = new RoomLog();
  readonly uses = new Set<Use>();
  /** Until the room is left after its last use. */
  readonly linger = new Timer();
  /** Until the next attempt to join. */
  readonly retry = new Timer();
  /** Attempts to join that failed in a row. */
  failures = 0;
  /** Answers in a row that left a gap open. */
  openGaps = 0;
  /** Stands for the request whose answer counts. */
  ticket: object | null = null;
  /** Continuity is known to be lost; declared as soon as the room is joined anew. */
  overdue: StaleCause | null = null;
  readonly #context: RoomContext;
  #phase: Phase = "away";
  #joinedOnce = false;
  #staleness: Staleness | null = null;
  /** Events that arrived while the room had no users. */
  #held: Envelope[] = [];

  constructor(name: string, position: Position | null, context: RoomContext) {
    this.name = name;
    this.log.position = position;
    this.#context = context;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get freshness(): Freshness {
    const status = this.#context.status();
    if (this.#staleness || this.overdue || status === "disconnected" || status === "failed") {
      return "stale";
    }
    return this.#phase === "live" && status === "connected" ? "live" : "catching_up";
  }

  /** Whether it holds more events for its next user than it should. */
  get isOverfull(): boolean {
    return this.#held.length > HELD_LIMIT;
  }

  /** Whether a use that stands there would miss what was handed out, without being told so anyway. */
  isPast({ epoch, offset }: Position): boolean {
    const at = this.log.position;
    const isTold = this.#staleness || this.overdue;
    return !isTold && (at?.epoch !== epoch || at.offset - this.#held.length > offset);
  }

  /** It is left. What it stands at, and what is to be told of it, stays for a later use. */
  rest(): void {
    const at = this.log.position;
    this.log.position = at && { epoch: at.epoch, offset: at.offset - this.#held.length };
    this.#held = [];
    this.log.forgetWaiting();
    this.#joinedOnce = false;
    this.enter("away");
  }

  enter(phase: Phase): void {
    this.#phase = phase;
    if (phase === "live") {
      this.#joinedOnce = true;
      this.failures = 0;
      for (const use of this.uses) {
        use.joined();
      }
    }
    this.#context.changed(this.name);
  }

  add(use: Use): void {
    this.linger.clear();
    this.uses.add(use);
    if (this.#joinedOnce) {
      use.joined();
    }
    // Later, so that the caller has its handle before its handlers are called.
    queueMicrotask(() => {
      this.#release();
      this.#staleness?.tell(this.uses);
    });
  }

  /** Hands out the event that is next. */
  hand(event: Envelope): void {
    this.log.advance();
    this.#held.push(event);
    this.#release();
  }

  /** Events are lost for good: those who use the room have to read its state again. */
  declareStale(reason: StaleCause): void {
    this.#held = [];
    this.overdue = null;
    const staleness = new Staleness(
      reason,
      () => this.#staleness === staleness && this.markFresh(),
      this.#context.report,
    );
    this.#staleness = staleness;
    for (const reading of this.#context.declared(this.name, reason)) {
      staleness.await(reading);
    }
    staleness.tell([...this.uses]);
    this.#context.changed(this.name);
  }

  /** The state has been read again. */
  markFresh(): void {
    this.#staleness = null;
    this.#context.changed(this.name);
  }

  /** The room is not to be had, or no longer. */
  refuse(error: FanfareError, code: RemovalCode): void {
    const isNew = !this.#joinedOnce;
    // A place that was kept from an earlier visit shows that the user was in.
    const wasIn = this.log.position !== null;
    this.#joinedOnce = false;
    this.#staleness = null;
    this.#held = [];
    // What happens until the room is perhaps to be had again will be missing.
    this.overdue = "not_recovered";
    this.log.position = null;
    this.log.forgetWaiting();
    this.enter("refused");
    for (const use of [...this.uses]) {
      if (wasIn) {
        use.removed(code);
      }
      if (isNew) {
        use.refused(error, true);
      }
    }
    if (wasIn) {
      this.#context.removed(this.name, code);
    }
  }

  #release(): void {
    if (this.uses.size > 0) {
      for (const event of this.#held.splice(0)) {
        for (const use of [...this.uses]) {
          use.event(event);
        }
      }
    }
  }
}
