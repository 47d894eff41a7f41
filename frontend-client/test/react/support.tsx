import { act, cleanup } from "@testing-library/react";
import type { ReactNode } from "react";
import { StrictMode } from "react";
import { afterEach, beforeEach } from "vitest";
import type { Fanfare } from "../../src/index.js";
import { FanfareProvider } from "../../src/react/index.js";
import { pass } from "../support.js";

/** Call beside `fakeTime`: unmounts what a test left mounted. */
export function reactTests(): void {
  beforeEach(() => {
    Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  });
  afterEach(cleanup);
}

/** A wrapper with a provider, in StrictMode. */
export function within(client: Fanfare) {
  return ({ children }: { readonly children?: ReactNode }) => (
    <StrictMode>
      <FanfareProvider client={client}>{children}</FanfareProvider>
    </StrictMode>
  );
}

/** Lets time pass, and React take part in it. */
export const elapse = (ms = 0) => act(() => pass(ms));

/** Does something, and lets React take part in what comes of it at once. */
export const during = (action: () => void) =>
  act(async () => {
    action();
    await pass(0);
  });

/** The client with a count of everything that listens to it or uses one of its rooms. */
export function counted(client: Fanfare) {
  let open = 0;
  let opened = 0;
  const count = <A extends unknown[]>(start: (...args: A) => () => void) => {
    return (...args: A) => {
      const end = start(...args);
      let isOpen = true;
      open += 1;
      opened += 1;
      return () => {
        open -= isOpen ? 1 : 0;
        isOpen = false;
        end();
      };
    };
  };
  const readable = <T,>(
    of: (room: string) => { subscribe: (l: () => void) => () => void; getSnapshot: () => T },
  ) => {
    return (room: string) => {
      const { subscribe, getSnapshot } = of(room);
      return { subscribe: count(subscribe), getSnapshot };
    };
  };
  const wrapped: Partial<Fanfare> = {
    connection: {
      subscribe: count(client.connection.subscribe),
      getSnapshot: client.connection.getSnapshot,
    },
    on: count(client.on as (...args: unknown[]) => () => void) as Fanfare["on"],
    onStale: count(client.onStale),
    onRemoved: count(client.onRemoved),
    freshness: readable(client.freshness),
    presence: readable(client.presence),
    subscribe: (room, options) => {
      const use = client.subscribe(room, options);
      const unsubscribe = count(() => use.unsubscribe)();
      // The getters of the use stay its own.
      return Object.create(use, { unsubscribe: { value: unsubscribe }, ready: { value: use.ready } });
    },
  };
  return { client: { ...client, ...wrapped } as Fanfare, open: () => open, opened: () => opened };
}
