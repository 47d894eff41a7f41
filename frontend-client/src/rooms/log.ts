import type { Envelope, Position } from "../generated/protocol.js";

/** As many events as a recovery brings at most wait for their turn; what is dropped is asked for again. */
const WAITING_LIMIT = 300;

/** How an event relates to the place that has been reached. */
export type Order = "next" | "old" | "ahead";

/** The order of one room's events: which is next, and which came too early. */
export class RoomLog {
  /** How far the events have been handed out. Null before the first join. */
  position: Position | null = null;
  readonly #waiting = new Map<number, Envelope>();

  /** Where the event stands. One of another epoch is ahead: whether it continues this log, only the server knows. */
  orderOf(event: Envelope, offset: number): Order {
    const at = this.position;
    if (!at || event.epoch !== at.epoch || offset > at.offset + 1) {
      return "ahead";
    }
    return offset === at.offset + 1 ? "next" : "old";
  }

  /** Keeps an event that cannot be handed out yet. */
  keep(event: Envelope, offset: number): void {
    if (this.#waiting.size < WAITING_LIMIT) {
      this.#waiting.set(offset, event);
    }
  }

  /** The kept event that is next, if there is one; what has become old is dropped. */
  takeNext(): Envelope | null {
    for (const [offset, event] of this.#waiting) {
      const order = event.epoch === this.position?.epoch ? this.orderOf(event, offset) : "old";
      if (order !== "ahead") {
        this.#waiting.delete(offset);
      }
      if (order === "next") {
        return event;
      }
    }
    return null;
  }

  /** Whether events are kept: there is a gap before them. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  forgetWaiting(): void {
    this.#waiting.clear();
  }

  /** The next event has been handed out. */
  advance(): void {
    if (this.position) {
      this.position = { epoch: this.position.epoch, offset: this.position.offset + 1 };
    }
  }
}
