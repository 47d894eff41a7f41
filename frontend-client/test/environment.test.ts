// @vitest-environment jsdom
import { afterEach, expect, it, vi } from "vitest";
import { surroundings } from "../src/environment.js";

let shown: DocumentVisibilityState = "visible";
Object.defineProperty(document, "visibilityState", { get: () => shown });

/** The browser shows the page, or another tab in its place. */
function show(state: DocumentVisibilityState): void {
  shown = state;
  document.dispatchEvent(new Event("visibilitychange"));
}

/** The page is there again: loaded, or out of the browser's cache of pages. */
function pageShow(persisted: boolean): void {
  window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted }));
}

afterEach(() => vi.restoreAllMocks());

// req: T12 T21
it("wakes when the network is back, when a hidden tab becomes visible, and when a page is restored", () => {
  const woken: string[] = [];
  const end = surroundings().onWake((reason) => woken.push(reason));
  show("hidden");
  window.dispatchEvent(new Event("offline"));
  pageShow(false);
  expect(woken).toEqual([]);
  show("visible");
  window.dispatchEvent(new Event("online"));
  pageShow(true);
  expect(woken).toEqual(["visible", "online", "restored"]);
  end();
  show("visible");
  window.dispatchEvent(new Event("online"));
  pageShow(true);
  expect(woken).toHaveLength(3);
});

it("says when the page goes away, until nobody wants to know", () => {
  const left = vi.fn();
  const end = surroundings().onLeave(left);
  window.dispatchEvent(new Event("pagehide"));
  end();
  window.dispatchEvent(new Event("pagehide"));
  expect(left).toHaveBeenCalledOnce();
});

it("shares between tabs only where the browser can", () => {
  // jsdom has no locks.
  expect(surroundings().locks).toBeNull();
});
