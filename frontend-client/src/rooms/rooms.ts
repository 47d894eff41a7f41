import { FanfareError } from "../errors.js";
import type { Envelope, StaleReason, UnsubscribeCode } from "../generated/protocol.js";
import { Recent } from "../recent.js";
import { asHeads, textIn } from "../wire/check.js";
import { Joins } from "./joins.js";
import { type RecoveryContext, takeAnswers } from "./recovery.js";
import { Room, type RoomContext } from "./room.js";
import type { SubscribeOptions, Subscription } from "./types.js";
import { Use } from "./use.js";

/** How many rooms that were left are remembered. */
const KEPT_ROOMS = 200;

/** What {@link Rooms} needs of its surroundings. */
export interface RoomsContext extends RoomContext {
  readonly request: (command: string, payload: unknown) => Promise<unknown>;
  readonly random: () => number;
  readonly lingerMs: number;
  /** An event that is handed out in at least one room; perhaps not for the first time. */
  readonly emit: (event: Envelope) => void;
  readonly count: (what: "duplicates" | "gaps") => void;
  /** Something of the server's cannot be read: what it is, and the room that it is about. */
  readonly badMessage: (what: string, room?: string) => void;
}

/** Every room in use: joins them, keeps their order, and brings them up to date after every cut. */
export class Rooms {
  readonly #context: RoomsContext;
  readonly #rooms = new Map<string, Room>();
  /** Those that were left. */
  readonly #kept = new Recent<Room>(KEPT_ROOMS);
  readonly #joins: Joins;

  constructor(context: RoomsContext) {
    this.#context = context;
    const recovery: RecoveryContext = {
      ...context,
      deliver: (event, recovering) => this.deliver(event, recovering),
      want: (room, delayMs) => this.#joins.want(room, delayMs),
    };
    this.#joins = new Joins({
      ...context,
      answered: (answers) =>
        takeAnswers(
          answers.filter(({ room }) => this.#isCurrent(room)),
          recovery,
        ),
    });
  }

  get(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  subscribe(name: string, options: SubscribeOptions): Subscription {
    const { position } = options;
    const kept = this.#kept.take(name);
    const used = this.#rooms.get(name);
    const room =
      used ?? (position === undefined ? kept : undefined) ?? new Room(name, position ?? null, this.#context);
    this.#rooms.set(name, room);
    const isBehind = used && position && used.isPast(position);
    const use = new Use(room, options, (ended) => this.#end(room, ended), this.#context.report);
    room.add(use);
    if (isBehind) {
      // The others have had what it misses.
      use.ready.then(
        () => use.stale("not_recovered").catch(this.#context.report),
        () => {},
      );
    }
    const isUp = this.#context.status() === "connected";
    if (isUp && (room.phase === "away" || room.phase === "refused")) {
      this.#joins.want(room);
    }
    return use;
  }

  /** A connection is up: every room is asked for, from where it stands. */
  opened(): void {
    this.#joins.reset();
    // Campaigns first: their events carry the places of the rooms inside.
    for (const room of [...this.#rooms.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      room.failures = 0;
      room.openGaps = 0;
      this.#joins.want(room);
    }
  }

  closed(): void {
    this.#joins.reset();
    for (const room of this.#rooms.values()) {
      this.#joins.cancel(room);
      room.log.forgetWaiting();
      if (room.phase !== "refused") {
        room.enter("away");
      }
    }
  }

  /** An event from the server. It goes to every room it belongs to whose next it is. */
  deliver(event: Envelope, recovering?: ReadonlySet<Room>): void {
    const next: Room[] = [];
    let old = 0;
    for (const [name, offset] of Object.entries(event.offsets)) {
      const room = this.#rooms.get(name);
      if (room?.phase === "live" || (room && recovering?.has(room))) {
        const order = room.log.orderOf(event, offset);
        if (order === "next") {
          next.push(room);
        } else if (order === "old") {
          old += 1;
        } else if (room.phase === "live") {
          // With others kept already, its turn comes, or the gap is asked about, when those are done.
          const isFirst = !room.log.isWaiting;
          room.log.keep(event, offset);
          if (isFirst) {
            this.#askAgain(room);
          }
        }
      } else if (room?.phase === "joining") {
        room.log.keep(event, offset);
      }
    }
    if (next.length > 0) {
      this.#context.emit(event);
      for (const room of next) {
        room.hand(event);
        if (room.isOverfull) {
          this.#leave(room);
        }
      }
    } else if (old > 0) {
      this.#context.count("duplicates");
    }
  }

  /** The server says how far its rooms are: shows a lost last event, and a room it does not count us in. */
  heads(argument: unknown): void {
    const heads = asHeads(argument);
    if (!heads) {
      this.#context.badMessage("'heads'");
      return;
    }
    for (const room of this.#rooms.values()) {
      const head = heads.rooms[room.name];
      const at = room.log.position;
      if (
        room.phase === "live" &&
        at &&
        (head === undefined || heads.epoch !== at.epoch || head > at.offset)
      ) {
        this.#askAgain(room);
      }
    }
  }

  /** The server has taken the connection out of a room. */
  unsubscribed(argument: unknown): void {
    const room = this.#named(argument);
    if (room) {
      const code = (textIn(argument, "code") ?? "membership_revoked") as UnsubscribeCode;
      this.#joins.cancel(room);
      room.refuse(new FanfareError("not_found", "The server closed the room.", { room: room.name }), code);
    }
  }

  /** The server cannot prove a room's continuity. */
  invalidated(argument: unknown): void {
    const room = this.#named(argument);
    if (room) {
      room.overdue = (textIn(argument, "reason") ?? "unverified") as StaleReason;
      room.log.forgetWaiting();
      this.#joins.want(room);
    }
  }

  /** The client is closed. */
  end(): void {
    this.closed();
    for (const room of this.#rooms.values()) {
      for (const use of [...room.uses]) {
        use.unsubscribe();
      }
      room.linger.clear();
    }
    this.#rooms.clear();
  }

  #askAgain(room: Room): void {
    this.#context.count("gaps");
    this.#joins.want(room);
  }

  #end(room: Room, use: Use): void {
    if (!room.uses.delete(use) || room.uses.size > 0 || !this.#isCurrent(room)) {
      return;
    }
    if (room.phase === "refused") {
      // Who comes next begins anew: that nothing was had before is no loss to them.
      this.#leave(room);
    } else {
      room.linger.set(this.#context.lingerMs, () => this.#leave(room));
    }
  }

  #leave(room: Room): void {
    room.linger.clear();
    this.#joins.cancel(room);
    this.#rooms.delete(room.name);
    if (room.log.position) {
      this.#kept.set(room.name, room);
    }
    if (room.phase === "live" || room.phase === "joining") {
      // Without an answer the connection is gone, and the room with it.
      this.#context.request("unsubscribe", { room: room.name }).catch(() => {});
    }
    room.rest();
  }

  #isCurrent(room: Room): boolean {
    return this.#rooms.get(room.name) === room;
  }

  /** The room that a notice is about, unless it is not to be had anyway. */
  #named(argument: unknown): Room | null {
    const name = textIn(argument, "room");
    if (name === null) {
      this.#context.badMessage("a notice");
    }
    const room = this.#rooms.get(name ?? "");
    return room && room.phase !== "refused" ? room : null;
  }
}
