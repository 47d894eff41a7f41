import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** The browser: named by CHROMIUM_BIN, or Debian's. */
const program = process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium";

/** Whether there is a browser to test in. In continuous integration there has to be. */
export const hasBrowser = existsSync(program) || process.env["CI"] === "true";

const SCREENSHOTS = fileURLToPath(new URL("../screenshots/", import.meta.url));

/** Starts a browser; the caller closes it. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Nobody looks at these windows, so none of them may be slowed down as one that is not looked at.
      "--disable-background-timer-throttling",
      "--disable-backgrounding-occluded-windows",
      "--disable-renderer-backgrounding",
    ],
  });
}

/** Keeps a picture of the page in `browser/screenshots`, for people to look at. */
export async function keepScreenshot(page: Page, name: string, fullPage = true): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.evaluate((isWhole) => {
    if (isWhole) {
      // Else the bar would be in the middle.
      window.scrollTo(0, 0);
    }
    // What is not in the window is not drawn, and would be blank in a picture of the whole page.
    for (const entry of document.querySelectorAll<HTMLElement>(".feed li")) {
      entry.style.contentVisibility = "visible";
    }
  }, fullPage);
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage });
}

/** Collects what the pages of a context complain about: exceptions that nobody caught, and errors in the console. */
export function complaintsOf(context: BrowserContext): string[] {
  const complaints: string[] = [];
  context.on("weberror", (event) => complaints.push(String(event.error().stack)));
  context.on("console", (message) => {
    // That something cannot be reached is what many of these tests are about.
    if (message.type() === "error" && !/net::ERR_|Failed to load resource|WebSocket/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  return complaints;
}
