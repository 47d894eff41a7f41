/** Fields in the cache that are out of date, by object and by name in the store. */
export class Doubts {
  readonly #fields = new Map<string, Set<string>>();

  get isEmpty(): boolean {
    return this.#fields.size === 0;
  }

  add(id: string, storeFieldNames: Iterable<string>): void {
    for (const name of storeFieldNames) {
      const fields = this.#fields.get(id) ?? new Set();
      this.#fields.set(id, fields.add(name));
    }
  }

  addAll(others: Doubts): void {
    for (const [id, fields] of others) {
      this.add(id, fields);
    }
  }

  of(id: string): ReadonlySet<string> | undefined {
    return this.#fields.get(id);
  }

  [Symbol.iterator](): IterableIterator<[string, ReadonlySet<string>]> {
    return this.#fields.entries();
  }
}
