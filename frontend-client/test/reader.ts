import type { Envelope, Fanfare, Position, Subscription } from "../src/index.js";

/** A reader of one room that checks what it is told against the promise. */
export class Reader {
  readonly mistakes: string[] = [];
  /** Where this reader's state stands. */
  at: Position | null = null;
  readonly #fanfare: Fanfare;
  readonly #room: string;
  #use: Subscription;

  constructor(fanfare: Fanfare, room: string) {
    this.#fanfare = fanfare;
    this.#room = room;
    this.#use = this.#mount();
  }

  get use(): Subscription {
    return this.#use;
  }

  /** Reads the state, as an application does when the room is ready. */
  async begin(): Promise<void> {
    await this.#use.ready;
    this.at ??= this.#use.position;
  }

  /** A component that goes and comes back at once: its state stays. */
  remount(): void {
    this.#use.unsubscribe();
    this.#use = this.#mount();
  }

  #mount(): Subscription {
    const use: Subscription = this.#fanfare.subscribe(this.#room, {
      onEvent: (event: Envelope) => {
        const offset = event.offsets[this.#room] ?? -1;
        const { at } = this;
        if (!at || event.epoch !== at.epoch || offset !== at.offset + 1) {
          this.mistakes.push(`${this.#room}: ${event.epoch}/${offset} after ${at?.epoch}/${at?.offset}`);
        }
        this.at = { epoch: event.epoch, offset };
      },
      // Reads the state anew, which is at least as new as where the room stands now.
      onStale: () => {
        this.at = use.position;
      },
    });
    return use;
  }
}
