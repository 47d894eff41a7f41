import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Instance, isThere } from "../test/server/instance.js";
import { complaintsOf, hasBrowser, openBrowser } from "./support/chromium.js";
import { Site } from "./support/site.js";
import { World } from "./support/world.js";

const instance = new Instance();
let browser: Browser;
let context: BrowserContext;
let complaints: string[];
let site: Site;
let world: World;

const eventually = (assertion: () => Promise<void>) =>
  vi.waitFor(assertion, { timeout: 30_000, interval: 50 });

async function open(parameters: Readonly<Record<string, string>> = {}): Promise<Page> {
  const page = await context.newPage();
  const room = `campaign:${world.campaignId}`;
  await page.goto(site.address({ server: instance.url, user: "ben", room, ...parameters }));
  await page.waitForFunction((name) => window.watch.fanfare.freshness(name).getSnapshot() === "live", room);
  return page;
}

const told = (page: Page) => page.evaluate(() => window.watch.populations);
const stale = (page: Page) => page.evaluate(() => window.watch.stale);
const connection = (page: Page) =>
  page.evaluate(() => {
    const { lastError, ...state } = window.watch.fanfare.connection.getSnapshot();
    // Of an error only the message would get out of the page.
    return { ...state, code: lastError?.code };
  });

describe.runIf(isThere && hasBrowser)("a page", () => {
  beforeAll(async () => {
    await instance.start();
    [browser, site, world] = await Promise.all([openBrowser(), Site.of("watch"), World.of(instance)]);
  });

  beforeEach(async () => {
    context = await browser.newContext();
    complaints = complaintsOf(context);
  });

  afterEach(async () => {
    instance.mend();
    instance.allowWebSockets();
    await context.close();
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await instance.end();
  });

  // req: T21 T27
  it("that was offline is back at once when the browser is online, with exactly what it missed", async () => {
    const page = await open();
    await context.setOffline(true);
    instance.cut();
    await eventually(async () => expect((await connection(page)).status).toBe("reconnecting"));
    const made = [await world.grow(), await world.grow(), await world.grow()];
    instance.mend();
    const onlineAt = Date.now();
    await context.setOffline(false);
    await eventually(async () => expect(await told(page)).toEqual(made));
    expect(Date.now() - onlineAt).toBeLessThan(3000);
    expect(await stale(page)).toEqual([]);
  });

  // req: T16 T27
  it("whose server is killed and started again misses nothing that was committed", async () => {
    const page = await open();
    const made = [await world.grow()];
    await eventually(async () => expect(await told(page)).toEqual(made));
    instance.cut();
    made.push(await world.grow());
    await instance.kill();
    await eventually(async () => expect((await connection(page)).status).toBe("reconnecting"));
    await instance.start();
    instance.mend();
    made.push(await world.grow());
    await eventually(async () => expect(await told(page)).toEqual(made));
    expect(await stale(page)).toEqual([]);
  });

  // req: N04 N24 T25 P06
  it("without any WebSocket is served by polling, and returns to a socket when there is one", async () => {
    instance.refuseWebSockets();
    const page = await open();
    expect(await connection(page)).toMatchObject({ status: "connected", transport: "polling" });
    const made = [await world.grow(), await world.grow()];
    await eventually(async () => expect(await told(page)).toEqual(made));
    instance.allowWebSockets();
    // The browser says that the network has changed: a good moment to look.
    await page.evaluate(() => window.dispatchEvent(new Event("online")));
    await eventually(async () => expect((await connection(page)).transport).toBe("socket"));
    made.push(await world.grow());
    await eventually(async () => expect(await told(page)).toEqual(made));
    expect(await stale(page)).toEqual([]);
  });

  it("whose network loses its WebSockets on the way goes on by polling and misses nothing", async () => {
    const page = await open();
    expect((await connection(page)).transport).toBe("socket");
    instance.refuseWebSockets();
    const made = [await world.grow(), await world.grow()];
    await eventually(async () => {
      expect(await connection(page)).toMatchObject({ status: "connected", transport: "polling" });
      expect(await told(page)).toEqual(made);
    });
    expect(await stale(page)).toEqual([]);
  });

  it("that only polls does so from beginning to end", async () => {
    const page = await open({ transport: "polling" });
    const made = [await world.grow(), await world.grow()];
    await eventually(async () => expect(await told(page)).toEqual(made));
    instance.cut();
    await eventually(async () => expect((await connection(page)).status).toBe("reconnecting"));
    made.push(await world.grow());
    instance.mend();
    await eventually(async () => expect(await told(page)).toEqual(made));
    expect(instance.webSockets).toBe(0);
    expect(await stale(page)).toEqual([]);
  });

  // req: D08 N26
  it("without any server says so, waits ever longer, and is well when there is one", async () => {
    const page = await open();
    instance.cut();
    await eventually(async () => {
      const { status, attempt, code, nextRetryAt } = await connection(page);
      expect(status).toBe("reconnecting");
      expect(attempt).toBeGreaterThan(1);
      // Its token comes from the same server.
      expect(code).toBe("token_unavailable");
      expect(nextRetryAt).toBeGreaterThan(Date.now());
    });
    instance.mend();
    await page.evaluate(() => window.watch.fanfare.retry());
    await eventually(async () => expect((await connection(page)).status).toBe("connected"));
  });
});
