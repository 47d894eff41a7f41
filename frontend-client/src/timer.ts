/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** One alarm that can be moved and switched off. */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;

  /** Calls `action` in `ms` milliseconds instead of whatever was planned. */
  set(ms: number, action: () => void): void {
    this.clear();
    const wait = Math.min(Math.max(ms, 0), LONGEST);
    this.#handle = setTimeout(() => {
      this.#handle = undefined;
      if (wait < ms) {
        this.set(ms - wait, action);
      } else {
        action();
      }
    }, wait);
  }

  clear(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  get isSet(): boolean {
    return this.#handle !== undefined;
  }
}

/** The promise's result, or the error that `late` makes when it takes longer. */
export function within<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
