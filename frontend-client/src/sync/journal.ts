import type { Change } from "./changes.js";

/** How many changes are kept for answers on their way; older ones are forgotten, and such answers doubted as a whole. */
const LIMIT = 10_000;

/** A request on its way. */
export interface Ticket {
  /** The number of the last change before it was sent. */
  readonly start: number;
}

/** What happened while requests were on their way: their answers may not know it. */
export class Journal {
  readonly #onTheirWay = new Set<Ticket>();
  #changes: { readonly number: number; readonly change: Change }[] = [];
  #last = 0;
  #forgotten = 0;

  begin(): Ticket {
    const ticket = { start: this.#last };
    this.#onTheirWay.add(ticket);
    return ticket;
  }

  end(ticket: Ticket): void {
    this.#onTheirWay.delete(ticket);
    const oldest = Math.min(...[...this.#onTheirWay].map(({ start }) => start));
    if ((this.#changes[0]?.number ?? Number.POSITIVE_INFINITY) <= oldest) {
      this.#changes = this.#changes.filter(({ number }) => number > oldest);
    }
  }

  add(change: Change): void {
    this.#last += 1;
    if (this.#onTheirWay.size === 0) {
      return;
    }
    this.#changes.push({ number: this.#last, change });
    if (this.#changes.length > LIMIT) {
      this.#forgotten = this.#changes.shift()?.number ?? this.#forgotten;
    }
  }

  /** The changes since a request was sent, oldest first; null when not all of them are known any more. */
  since(start: number): Change[] | null {
    return this.#forgotten > start
      ? null
      : this.#changes.filter(({ number }) => number > start).map(({ change }) => change);
  }
}
