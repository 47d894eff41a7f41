/**
 * A value that can be read at any time and says when it changes: the pair that React's
 * `useSyncExternalStore` takes, usable without React just as well.
 */
export interface Readable<T> {
  /** Calls `listener` after each change, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void;
  /** The value now. The same object as before as long as nothing changed. */
  readonly getSnapshot: () => T;
}

/**
 * Functions that want to be told something, by topic. One that throws does not keep the others from being told.
 * @internal
 */
export class Listeners<A extends unknown[]> {
  // Wrapped, so that the same function added twice is two listeners.
  readonly #topics = new Map<string, Set<{ readonly call: (...args: A) => unknown }>>();
  readonly #onThrow: (error: unknown) => void;

  constructor(onThrow: (error: unknown) => void) {
    this.#onThrow = onThrow;
  }

  /** Whether somebody listens. */
  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  add(topic: string, call: (...args: A) => unknown): () => void {
    const entry = { call };
    const entries = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, entries.add(entry));
    return () => {
      entries.delete(entry);
      if (entries.size === 0 && this.#topics.get(topic) === entries) {
        this.#topics.delete(topic);
      }
    };
  }

  /** Tells those that listen now; gives what they returned. */
  tell(topic: string, ...args: A): unknown[] {
    const results: unknown[] = [];
    for (const { call } of [...(this.#topics.get(topic) ?? [])]) {
      try {
        results.push(call(...args));
      } catch (error) {
        this.#onThrow(error);
      }
    }
    return results;
  }

  /** Tells those that listen to any topic. */
  tellAll(...args: A): void {
    for (const topic of [...this.#topics.keys()]) {
      this.tell(topic, ...args);
    }
  }
}

/**
 * A {@link Readable} that can be set.
 * @internal
 */
export class Cell<T extends object> implements Readable<T> {
  #value: T;
  readonly #listeners: Listeners<[]>;

  constructor(value: T, onThrow: (error: unknown) => void) {
    this.#value = value;
    this.#listeners = new Listeners(onThrow);
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add("", listener);

  readonly getSnapshot = (): T => this.#value;

  /** Changes the given fields; tells nobody when they had these values already. */
  update(change: Partial<T>): void {
    const next = { ...this.#value, ...change };
    if (Object.keys(change).some((key) => next[key as keyof T] !== this.#value[key as keyof T])) {
      this.#value = next;
      this.#listeners.tell("");
    }
  }
}
