import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { expect, vi } from "vitest";
import type { Instance } from "../../test/server/instance.js";
import { complaintsOf } from "./chromium.js";
import type { World } from "./world.js";

/** The names under which the demo world's people sign in. */
export type User = "ada" | "ben" | "cyd" | "dan";

/** Waits for what browsers and servers do. */
export const eventually = (assertion: () => Promise<void> | void) =>
  vi.waitFor(assertion, { timeout: 30_000, interval: 50 });

/** One person with a browser window on the demo. */
export class Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the page complained about in its console. */
  readonly complaints: string[];
  readonly #url: string;

  private constructor(context: BrowserContext, page: Page, url: string) {
    this.context = context;
    this.page = page;
    this.complaints = complaintsOf(context);
    this.#url = url;
  }

  /** Opens the first page. `options` are playwright's, as in `{ viewport, colorScheme }`. */
  static async arrive(
    browser: Browser,
    instance: Instance,
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<Visitor> {
    const context = await browser.newContext({ reducedMotion: "reduce", ...options });
    const visitor = new Visitor(context, await context.newPage(), instance.url);
    await visitor.page.goto(instance.url);
    return visitor;
  }

  /** Arrives and signs in. */
  static async signIn(
    browser: Browser,
    instance: Instance,
    user: User,
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<Visitor> {
    const visitor = await Visitor.arrive(browser, instance, options);
    await visitor.at(`sign-in-${user}`).click();
    await visitor.at("campaigns").waitFor();
    return visitor;
  }

  at(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  /** Goes to an address of the demo. */
  async go(path: string): Promise<void> {
    await this.page.goto(this.#url + path);
  }

  /** Goes to the campaign's page and waits until it is live. */
  async goToCampaign({ campaignId }: World, query = ""): Promise<void> {
    await this.go(`/campaigns/${campaignId}${query}`);
    await this.isLive();
  }

  /** Goes to the settlement's page and waits until it is live. */
  async goToSettlement({ campaignId, settlementId }: World, query = ""): Promise<void> {
    await this.go(`/campaigns/${campaignId}/settlements/${settlementId}${query}`);
    await this.at("population").waitFor();
    await this.isLive();
  }

  /** Goes to the structure's page and waits until it is live. */
  async goToStructure({ campaignId, settlementId, structureId }: World): Promise<void> {
    await this.go(`/campaigns/${campaignId}/settlements/${settlementId}/structures/${structureId}`);
    await this.at("level").waitFor();
    await this.isLive();
  }

  /** Waits until the page says that it is as good as the server's own state. */
  async isLive(): Promise<void> {
    await this.page.locator('[data-testid=freshness][data-freshness="live"]').waitFor();
    await this.page.locator('[data-testid=connection][data-status="connected"]').waitFor();
  }

  /** The number that the page shows under this name. */
  async number(testId: string): Promise<number> {
    return Number((await this.at(testId).textContent())?.replaceAll(/\D/g, ""));
  }

  /** Waits until the page shows the number. */
  shows(testId: string, value: number): Promise<void> {
    return eventually(async () => expect(await this.number(testId)).toBe(value));
  }

  /** Notes from now on when the text of an element changes, as painted. */
  async watch(testId: string): Promise<void> {
    await this.page.evaluate((id) => {
      const seen = new Map<string, number>();
      Object.assign(window, { seen });
      const look = () => {
        const text = document.querySelector(`[data-testid="${id}"]`)?.textContent?.replaceAll(/\D/g, "");
        if (text !== undefined && !seen.has(text)) {
          // When the frame with it has been drawn.
          requestAnimationFrame(() => setTimeout(() => seen.set(text, Date.now())));
        }
      };
      new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
    }, testId);
  }

  /** When the watched element showed the number, in milliseconds since 1970. */
  async seenAt(value: number): Promise<number> {
    const handle = await this.page.waitForFunction(
      (text) => (window as unknown as { seen: Map<string, number> }).seen.get(text),
      String(value),
    );
    return Number(await handle.jsonValue());
  }

  async leave(): Promise<void> {
    await this.context.close();
  }
}
