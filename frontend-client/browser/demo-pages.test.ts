import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Instance, isThere } from "../test/server/instance.js";
import { hasBrowser, keepScreenshot, openBrowser } from "./support/chromium.js";
import { Visitor } from "./support/demo.js";
import { World } from "./support/world.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 900 };
const instance = new Instance();
let browser: Browser;
let world: World;

/** Every page of the demo, by the name of its picture. */
const PAGES: readonly [name: string, open: (visitor: Visitor) => Promise<void>][] = [
  ["sign-in", async (visitor) => visitor.at("sign-in-ada").waitFor()],
  [
    "campaigns",
    async (visitor) => {
      await visitor.at("sign-in-ada").click();
      await visitor.at("campaigns").getByRole("link").first().waitFor();
    },
  ],
  ["campaign", (visitor) => visitor.goToCampaign(world)],
  ["settlement", (visitor) => visitor.goToSettlement(world)],
  [
    "settlement-editing",
    async (visitor) => {
      await visitor.at("edit").click();
      await visitor.at("edit-name").waitFor();
    },
  ],
  [
    "conflict",
    async (visitor) => {
      await world.grow();
      await visitor.at("edit-population").fill("700");
      await visitor.at("save").click();
      await visitor.at("conflict").waitFor();
    },
  ],
  ["structure", (visitor) => visitor.goToStructure(world)],
  [
    "faults",
    async (visitor) => {
      await visitor.at("faults").locator("summary").click();
      await visitor.at("fault-kill").waitFor();
    },
  ],
  [
    "notice",
    async (visitor) => {
      await visitor.at("fault-cut-30").click();
      await visitor.at("notices").filter({ hasText: /\S/ }).waitFor();
    },
  ],
  [
    "gone",
    async (visitor) => {
      await visitor.go(`/campaigns/${world.campaignId}/settlements/${world.campaignId}`);
      await visitor.at("gone").waitFor();
    },
  ],
  [
    "lost",
    async (visitor) => {
      await visitor.go(`/campaigns/${world.campaignId}/nowhere`);
      await visitor.at("lost").waitFor();
    },
  ],
];

/** What is hard to use for somebody: rule, and the elements. */
async function hardships(page: Page): Promise<string[]> {
  // Evaluated by the browser's debugger, which the page's policy for scripts does not concern.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    (window as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.join(" ")}: ${failureSummary}`),
  );
}

/** The elements that reach beyond the right edge of the window, when it scrolls sideways. */
const sideways = (page: Page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const wide = [...document.body.querySelectorAll("*")].filter(
      (element) => element.getBoundingClientRect().right > clientWidth + 1,
    );
    return scrollWidth > clientWidth ? wide.map(({ tagName, className }) => `${tagName}.${className}`) : [];
  });

/** Presses Tab until the element has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) {
      return;
    }
  }
  throw new Error(`The keyboard does not reach ${selector}.`);
}

describe.runIf(isThere && hasBrowser)("the demo's pages", () => {
  beforeAll(async () => {
    await instance.start();
    [browser, world] = await Promise.all([openBrowser(), World.of(instance)]);
    // Something for the list of events.
    await world.grow();
  });

  afterAll(async () => {
    await browser?.close();
    await instance.end();
  });

  // req: T27
  it.each([
    ["light", "desktop", DESKTOP],
    ["dark", "desktop", DESKTOP],
    ["light", "phone", PHONE],
    ["dark", "phone", PHONE],
  ] as const)(
    "are accessible and never scroll sideways: %s, %s",
    async (colorScheme, device, viewport) => {
      const visitor = await Visitor.arrive(browser, instance, { colorScheme, viewport });
      const found: Record<string, string[]> = {};
      for (const [name, open] of PAGES) {
        await open(visitor);
        await world.grow();
        found[name] = [...(await hardships(visitor.page)), ...(await sideways(visitor.page))];
        await keepScreenshot(visitor.page, `demo-${name}-${device}-${colorScheme}`);
      }
      expect(found).toEqual(Object.fromEntries(PAGES.map(([name]) => [name, []])));
      expect(visitor.complaints).toEqual([]);
      await visitor.leave();
    },
    120_000,
  );

  it("can be used with the keyboard alone, from signing in to a saved change", async () => {
    const visitor = await Visitor.arrive(browser, instance, { viewport: DESKTOP });
    const { page } = visitor;
    await tabTo(page, "[data-testid=sign-in-ada]");
    await page.keyboard.press("Enter");
    await visitor.at("campaigns").getByRole("link").first().waitFor();
    await tabTo(page, `a[href$="/campaigns/${world.campaignId}"]`);
    await page.keyboard.press("Enter");
    await visitor.at("settlements").waitFor();
    await tabTo(page, `tr a[href$="/settlements/${world.settlementId}"]`);
    await page.keyboard.press("Enter");
    await visitor.at("edit").waitFor();
    await tabTo(page, "[data-testid=edit]");
    await page.keyboard.press("Enter");
    await visitor.at("edit-population").waitFor();
    await tabTo(page, "[data-testid=edit-population]");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("4321");
    await page.keyboard.press("Enter");
    await visitor.at("toasts").filter({ hasText: "Saved." }).waitFor();
    await visitor.shows("population", 4321);
    await visitor.leave();
  });
});
