import type { FanfareError } from "../errors.js";
import { handlerName } from "../events.js";
import type { Envelope, Position } from "../generated/protocol.js";
import type { Room } from "./room.js";
import type { Freshness, RemovalCode, RoomHandlers, StaleCause, Subscription } from "./types.js";

/** One use of a room: its handlers, and the handle that the application holds. */
export class Use implements Subscription {
  readonly room: string;
  readonly ready: Promise<void>;
  readonly unsubscribe: () => void;
  readonly #room: Room;
  readonly #handlers: RoomHandlers;
  readonly #report: (error: unknown) => void;
  #joined: () => void = () => {};
  #refused: (error: FanfareError) => void = () => {};

  constructor(room: Room, handlers: RoomHandlers, end: (use: Use) => void, report: (error: unknown) => void) {
    this.room = room.name;
    this.#room = room;
    this.#handlers = handlers;
    this.#report = report;
    this.ready = new Promise((resolve, reject) => {
      this.#joined = resolve;
      this.#refused = reject;
    });
    // Who does not ask for `ready` need not handle its failure.
    this.ready.catch(() => {});
    this.unsubscribe = () => end(this);
  }

  get position(): Position | null {
    return this.#room.log.position;
  }

  get freshness(): Freshness {
    return this.#room.freshness;
  }

  joined(): void {
    this.#joined();
  }

  /** The room was refused; `final` when it will not be tried again by itself. */
  refused(error: FanfareError, final: boolean): void {
    if (final) {
      this.#refused(error);
    }
    this.#call(() => this.#handlers.onError?.(error));
  }

  /** Hands out an event. Types that this version does not know are no handler's. */
  event(event: Envelope): void {
    const name = handlerName(event.type);
    if (name) {
      this.#call(() => this.#handlers.onEvent?.(event));
      // The handler of this name takes the events of this type.
      this.#call(() => (this.#handlers[name] as ((event: Envelope) => void) | undefined)?.(event));
    }
  }

  removed(code: RemovalCode): void {
    this.#call(() => this.#handlers.onRemoved?.(this.room, code));
  }

  /** Whether this use reads the state again when it is told to. */
  get heals(): boolean {
    return this.#handlers.onStale !== undefined;
  }

  /** Tells that the state has to be read again. Fulfilled when it has been. */
  async stale(reason: StaleCause): Promise<void> {
    if (this.#room.uses.has(this)) {
      await this.#handlers.onStale?.(this.room, reason);
    }
  }

  /** Another handler may have ended this use meanwhile. */
  #call(action: () => void): void {
    try {
      if (this.#room.uses.has(this)) {
        action();
      }
    } catch (error) {
      this.#report(error);
    }
  }
}
