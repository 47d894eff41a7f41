import type { StaleCause } from "./types.js";
import type { Use } from "./use.js";

/** One time that a room's state has to be read again: who was told, and whether they have done it. */
export class Staleness {
  readonly reason: StaleCause;
  readonly #told = new Set<Use>();
  readonly #healed: () => void;
  readonly #report: (error: unknown) => void;
  #pending = 0;
  #failed = false;

  constructor(reason: StaleCause, healed: () => void, report: (error: unknown) => void) {
    this.reason = reason;
    this.#healed = healed;
    this.#report = report;
  }

  /** Tells those uses that can read the state again and do not know yet. */
  tell(uses: Iterable<Use>): void {
    for (const use of uses) {
      if (use.heals && !this.#told.has(use)) {
        this.#told.add(use);
        this.await(use.stale(this.reason));
      }
    }
  }

  /** The room is stale until this is fulfilled as well. */
  await(reading: Promise<unknown>): void {
    this.#pending += 1;
    reading
      .catch((error: unknown) => {
        this.#failed = true;
        this.#report(error);
      })
      .finally(() => {
        this.#pending -= 1;
        if (this.#pending === 0 && !this.#failed) {
          this.#healed();
        }
      });
  }
}
