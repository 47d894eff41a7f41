/** The part of `navigator.locks` that is used. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    held: () => Promise<void> | void,
  ): Promise<unknown>;
}

/** The part of a `BroadcastChannel` that is used. */
export interface Channel {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  close(): void;
}

/** Why it may be worth trying at once: the network or the page is back. */
export type Wake = "online" | "visible" | "restored";

/** What the core takes from its surroundings, so that tests can replace it. */
export interface Environment {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** A number from 0 to below 1. */
  readonly random: () => number;
  readonly locks: Locks | null;
  readonly openChannel: ((name: string) => Channel) | null;
  /** Tells when the network or the page is back. */
  readonly onWake: (listener: (reason: Wake) => void) => () => void;
  /** Tells when the page goes away, perhaps to come back from the browser's cache of pages. */
  readonly onLeave: (listener: () => void) => () => void;
}

/** Adds listeners; gives what takes them away again. */
function listen(
  ...all: [target: EventTarget | undefined, event: string, listener: (event: Event) => void][]
) {
  const ended = new AbortController();
  for (const [target, event, listener] of all) {
    target?.addEventListener(event, listener, ended);
  }
  return () => ended.abort();
}

/** The browser, as far as there is one: on a server or in Node everything that is missing stays away. */
export function surroundings(): Environment {
  const page = typeof window === "undefined" ? undefined : window;
  const shown = page?.document;
  const locks = page?.navigator.locks as Locks | undefined;
  return {
    fetch: (url, init) => fetch(url, init),
    random: Math.random,
    locks: locks ?? null,
    openChannel: page?.BroadcastChannel ? (name) => new page.BroadcastChannel(name) as Channel : null,
    onWake: (wake) =>
      listen(
        [page, "online", () => wake("online")],
        [page, "pageshow", (event) => (event as PageTransitionEvent).persisted && wake("restored")],
        [shown, "visibilitychange", () => shown?.visibilityState === "visible" && wake("visible")],
      ),
    onLeave: (leave) => listen([page, "pagehide", leave]),
  };
}
