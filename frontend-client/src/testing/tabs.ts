import type { Channel, Locks } from "../environment.js";

/** A wish for a lock. */
interface Wish {
  readonly tab: FakeTab;
  readonly held: () => Promise<void> | void;
  readonly settle: (error?: Error) => void;
}

const aborted = (why: string) => new DOMException(why, "AbortError");

/** The locks of an origin: one holder each, the others in line; free as soon as the holder's tab is gone. */
class FakeLocks {
  readonly #holders = new Map<string, Wish>();
  readonly #queues = new Map<string, Wish[]>();

  request(
    tab: FakeTab,
    name: string,
    options: Parameters<Locks["request"]>[1],
    held: Wish["held"],
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted) {
        reject(aborted("The request was ended."));
        return;
      }
      const settle = (error?: Error) => (error ? reject(error) : resolve(undefined));
      const wish: Wish = { tab, held, settle };
      options.signal?.addEventListener("abort", () => this.#withdraw(name, wish));
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      if (options.steal) {
        this.#holders.get(name)?.settle(aborted("The lock was stolen."));
        this.#holders.delete(name);
        queue.unshift(wish);
      } else {
        queue.push(wish);
      }
      queueMicrotask(() => this.#grant(name));
    });
  }

  /** The tab is gone: it holds nothing and wants nothing. */
  forget(tab: FakeTab): void {
    for (const [name, queue] of this.#queues) {
      this.#queues.set(
        name,
        queue.filter((wish) => wish.tab !== tab),
      );
      if (this.#holders.get(name)?.tab === tab) {
        this.#holders.delete(name);
      }
      queueMicrotask(() => this.#grant(name));
    }
  }

  #withdraw(name: string, wish: Wish): void {
    const queue = this.#queues.get(name) ?? [];
    if (queue.includes(wish)) {
      queue.splice(queue.indexOf(wish), 1);
      wish.settle(aborted("The request was ended."));
    }
  }

  #grant(name: string): void {
    const next = this.#holders.has(name) ? undefined : this.#queues.get(name)?.shift();
    if (next) {
      this.#holders.set(name, next);
      Promise.resolve(next.held()).then(() => {
        if (this.#holders.get(name) === next) {
          this.#holders.delete(name);
          next.settle();
          this.#grant(name);
        }
      });
    }
  }
}

/** The tabs of one origin in one browser: they share locks and channels. */
export class FakeBrowser {
  readonly #locks = new FakeLocks();
  readonly #tabs = new Set<FakeTab>();

  /** Opens a tab. */
  open(): FakeTab {
    const tab = new FakeTab(this, this.#locks);
    this.#tabs.add(tab);
    return tab;
  }

  /** @internal */
  post(sender: FakeTab, name: string, message: unknown): void {
    const copy: unknown = structuredClone(message);
    for (const tab of this.#tabs) {
      if (tab !== sender) {
        queueMicrotask(() => tab.hear(name, copy));
      }
    }
  }

  /** @internal */
  closed(tab: FakeTab): void {
    this.#tabs.delete(tab);
    this.#locks.forget(tab);
  }
}

/** One tab: what `createFanfareIn` takes of it, and the ways in which it can end. */
export class FakeTab {
  readonly locks: Locks;
  readonly #browser: FakeBrowser;
  readonly #channels = new Map<string, Set<Channel>>();
  #isOpen = true;
  #hangs = false;
  /** What the tab does as soon as it runs again. */
  #pending: (() => void)[] = [];

  /** @internal */
  constructor(browser: FakeBrowser, locks: FakeLocks) {
    this.#browser = browser;
    this.locks = {
      request: async (name, options, held) => {
        if (this.#hangs) {
          await new Promise<void>((resolve) => this.#pending.push(resolve));
        }
        return locks.request(this, name, options, held);
      },
    };
  }

  /** Whether the tab no longer runs: it keeps its locks, asks for none, and neither hears nor answers. */
  get hangs(): boolean {
    return this.#hangs;
  }

  set hangs(hangs: boolean) {
    this.#hangs = hangs;
    for (const resume of hangs ? [] : this.#pending.splice(0)) {
      resume();
    }
  }

  readonly openChannel = (name: string): Channel => {
    const channels = this.#channels.get(name) ?? new Set();
    this.#channels.set(name, channels);
    const channel: Channel = {
      onmessage: null,
      postMessage: (message) => this.#isOpen && !this.hangs && this.#browser.post(this, name, message),
      close: () => void channels.delete(channel),
    };
    channels.add(channel);
    return channel;
  };

  /** The tab is gone without a word, as after a crash: its locks are free. */
  crash(): void {
    this.#isOpen = false;
    this.#browser.closed(this);
  }

  /** @internal */
  hear(name: string, data: unknown): void {
    if (this.#isOpen && !this.hangs) {
      for (const channel of this.#channels.get(name) ?? []) {
        channel.onmessage?.({ data });
      }
    }
  }
}
