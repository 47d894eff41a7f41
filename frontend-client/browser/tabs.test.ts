import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Instance, isThere } from "../test/server/instance.js";
import { complaintsOf, hasBrowser, openBrowser } from "./support/chromium.js";
import { Site } from "./support/site.js";
import { World } from "./support/world.js";

const TABS = 20;
const instance = new Instance();
let browser: Browser;
let context: BrowserContext;
let complaints: string[];
let site: Site;
let world: World;

const eventually = (assertion: () => Promise<void>) =>
  vi.waitFor(assertion, { timeout: 30_000, interval: 50 });

async function openTab(parameters: Readonly<Record<string, string>> = {}): Promise<Page> {
  const tab = await context.newPage();
  const room = `campaign:${world.campaignId}`;
  await tab.goto(site.address({ server: instance.url, user: "ben", room, ...parameters }));
  await tab.waitForFunction((name) => window.watch.fanfare.freshness(name).getSnapshot() === "live", room);
  return tab;
}

/** What each tab was told, in order. */
const told = (tabs: readonly Page[]) =>
  Promise.all(tabs.map((tab) => tab.evaluate(() => window.watch.populations)));
const sharing = (tab: Page) => tab.evaluate(() => window.watch.fanfare.connection.getSnapshot().sharing);
const staleness = (tabs: readonly Page[]) =>
  Promise.all(tabs.map((tab) => tab.evaluate(() => window.watch.stale)));

/** The tab that has the connection; the others follow. A takeover may still be under way. */
async function leaderOf(tabs: readonly Page[]): Promise<Page> {
  let roles: Awaited<ReturnType<typeof sharing>>[] = [];
  await eventually(async () => {
    roles = await Promise.all(tabs.map(sharing));
    expect([...roles].sort()).toEqual([...tabs.slice(1).map(() => "follower"), "leader"]);
  });
  return tabs[roles.indexOf("leader")] as Page;
}

/** When the tab first had a connection as its leader, in milliseconds since 1970; 0 when it never had. */
const ledFrom = (tab: Page) =>
  tab.evaluate(() => {
    const first = window.watch.states.find(
      ({ state }) => state.sharing === "leader" && state.status === "connected",
    );
    return first ? performance.timeOrigin + first.at : 0;
  });

// req: T21 T27
describe.runIf(isThere && hasBrowser)("tabs of one user", () => {
  beforeAll(async () => {
    await instance.start();
    [browser, site, world] = await Promise.all([openBrowser(), Site.of("watch"), World.of(instance)]);
  });

  beforeEach(async () => {
    context = await browser.newContext();
    complaints = complaintsOf(context);
  });

  afterEach(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await instance.end();
  });

  it(`${TABS} of them use one socket, and go on within a second when the tab with the socket is closed`, async () => {
    const tabs: Page[] = [];
    while (tabs.length < TABS) {
      tabs.push(await openTab());
    }
    expect(instance.webSockets).toBe(1);
    const made = [await world.grow(), await world.grow()];
    await eventually(async () => expect(await told(tabs)).toEqual(tabs.map(() => made)));

    const took: number[] = [];
    let others = tabs;
    for (let round = 0; round < 3; round += 1) {
      const leader = await leaderOf(others);
      others = others.filter((tab) => tab !== leader);
      const closedAt = Date.now();
      // What happens meanwhile must not be missed.
      await Promise.all([leader.close(), world.grow().then((population) => made.push(population))]);
      made.push(await world.grow());
      await eventually(async () => expect(await told(others)).toEqual(others.map(() => made)));
      const ledAt = await ledFrom(await leaderOf(others));
      expect(ledAt).toBeGreaterThan(0);
      took.push(ledAt - closedAt);
    }
    // Of three, the fastest one: the machine's pauses say nothing about the tabs.
    expect(Math.min(...took)).toBeLessThan(1000);
    expect(await staleness(others)).toEqual(others.map(() => []));
    expect(instance.webSockets).toBe(1);
  });

  it("go on when the tab with the socket crashes", async () => {
    const tabs = [await openTab(), await openTab(), await openTab()];
    const leader = await leaderOf(tabs);
    const others = tabs.filter((tab) => tab !== leader);
    // Ends the page's process; the call itself can then no longer be answered.
    leader.goto("chrome://crash").catch(() => {});
    const made = [await world.grow(), await world.grow()];
    await eventually(async () => expect(await told(others)).toEqual([made, made]));
    await leaderOf(others);
    await eventually(async () => expect(instance.webSockets).toBe(1));
  });

  it("have a socket each when they opted out", async () => {
    await openTab({ share: "no" });
    await openTab({ share: "no" });
    expect(instance.webSockets).toBe(2);
  });

  it("of different users never share", async () => {
    const [ben, dan] = [await openTab(), await openTab({ user: "dan" })];
    expect(await Promise.all([sharing(ben), sharing(dan)])).toEqual(["leader", "leader"]);
    expect(instance.webSockets).toBe(2);
  });
});
