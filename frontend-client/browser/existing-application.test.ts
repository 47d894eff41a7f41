// An application that was written for plain `socket.io-client`, in `pages/socketio-app`: its own provider, the named
// commands, one handler for each name of an event. Nothing in it knows of this package. And the same application
// after docs/guides/existing-socketio-app.md, in `pages/moved-app`.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Instance, isThere } from "../test/server/instance.js";
import { hasBrowser, keepScreenshot, openBrowser } from "./support/chromium.js";
import { Site } from "./support/site.js";
import { World } from "./support/world.js";

const SOURCES = fileURLToPath(new URL("./pages/socketio-app/", import.meta.url));
const instance = new Instance({ POLLING: "true" });
let browser: Browser;
let original: Site;
let moved: Site;
let world: World;

/** The application, when it has read its campaign and is subscribed. */
async function open(site: Site, parameters: Readonly<Record<string, string>> = {}): Promise<Page> {
  const page = await browser.newPage();
  const { campaignId: campaign, settlementId: settlement } = world;
  await page.goto(site.address({ server: instance.url, campaign, settlement, ...parameters }));
  await shows(page, "[role=status]", "online");
  await shows(page, "#time", "T");
  // It reads its state more than once, and an answer that is on its way would hide what is newer.
  await page.waitForLoadState("networkidle");
  return page;
}

/** Waits until the page shows the text. */
const shows = (page: Page, selector: string, text: string) =>
  page.locator(selector).filter({ hasText: text }).waitFor();

const population = () => `[id="${world.settlementId}"]`;

it("knows nothing of this package", () => {
  const files = readdirSync(SOURCES).filter((name) => /\.tsx?$/.test(name));
  const imports = files.flatMap((file) => {
    const text = readFileSync(SOURCES + file, "utf8");
    return [...text.matchAll(/from "([^"]+)"/g)].map(([, from]) => from);
  });
  const foreign = imports.filter((from) => !from?.startsWith("./"));
  expect([...new Set(foreign)].sort()).toEqual(["react", "react-dom/client", "socket.io-client"]);
});

describe.runIf(isThere && hasBrowser)("an application for plain socket.io-client", () => {
  beforeAll(async () => {
    await instance.start();
    [browser, original, moved, world] = await Promise.all([
      openBrowser(),
      Site.of("socketio-app"),
      Site.of("moved-app"),
      World.of(instance),
    ]);
  });

  afterEach(() => instance.mend());

  afterAll(async () => {
    await browser?.close();
    await original?.close();
    await moved?.close();
    await instance.end();
  });

  // req: T08 T12 T27
  it.each<[string, () => Site, Record<string, string>]>([
    ["as it is, over a WebSocket", () => original, { transports: "websocket" }],
    ["as it is, with the library's own choice of transports", () => original, {}],
    ["moved over", () => moved, {}],
  ])("shows every kind of change: %s", async (_, site, parameters) => {
    const page = await open(site(), parameters);
    await shows(page, population(), String(await world.grow()));
    const description = `Written at ${Date.now()}.`;
    await world.do(`updateCampaign(id: $campaign, input: { description: "${description}" }) { id }`);
    await shows(page, "#description", description);
    const time = await page.locator("#time").textContent();
    await world.do("advanceWorldTime(campaignId: $campaign, amount: 3, unit: HOURS) { id }");
    await page.waitForFunction((old) => document.querySelector("#time")?.textContent !== old, time);
    for (const level of [7, 6]) {
      await world.do(`updateStructure(id: $structure, input: { level: ${level} }) { id }`);
      await shows(page, "#structure", String(level));
    }
    await world.do(
      'invalidateState(campaignId: $campaign, input: { scope: CAMPAIGN, reason: "By hand." }) { id }',
    );
    await shows(page, "#invalidated li:last-child", "By hand.");
    await keepScreenshot(page, "existing-application");
    await page.close();
  });

  it("is back by itself when the server was killed: as it is, it reads its state again", async () => {
    const page = await open(original, { transports: "websocket" });
    instance.cut();
    await shows(page, "[role=status]", "offline");
    const missed = await world.grow();
    await instance.kill();
    await instance.start();
    instance.mend();
    await shows(page, population(), String(missed));
    await page.waitForLoadState("networkidle");
    await shows(page, population(), String(await world.grow()));
    await page.close();
  });

  // req: T16
  it("is back by itself when the server was killed: moved over, it is told what it missed and reads nothing", async () => {
    const page = await open(moved);
    const queries: string[] = [];
    instance.cut();
    await shows(page, "[role=status]", "offline");
    page.on("request", (request) => request.url().endsWith("/graphql") && queries.push(request.url()));
    const missed = await world.grow();
    await instance.kill();
    await instance.start();
    instance.mend();
    await shows(page, population(), String(missed));
    await shows(page, population(), String(await world.grow()));
    expect(queries).toEqual([]);
    await page.close();
  });

  it("hides what it showed when its user was removed, once it has moved over", async () => {
    const page = await open(moved);
    await world.do('removeMember(campaignId: $campaign, userId: "ben")');
    await shows(page, "[role=status]", "no longer part of this campaign");
    expect(await page.locator(population()).count()).toBe(0);
    await world.do('setMember(campaignId: $campaign, userId: "ben", role: GM) { userId }');
    await page.close();
  });
});
