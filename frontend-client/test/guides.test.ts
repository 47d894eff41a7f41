import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { handlerName } from "../src/events.js";
import { EVENT_TYPES } from "../src/index.js";
import * as hooks from "../src/react/index.js";

const root = new URL("../../", import.meta.url).pathname;
const pages = new URL("../browser/pages/", import.meta.url);
const guide = readFileSync(new URL("../../docs/guides/existing-socketio-app.md", import.meta.url), "utf8");

/** Without the indentation that only belongs to where it stands. */
const flush = (text: string) => text.replace(/^ +/gm, "").trim();

// The browser's tests run these applications, so what the guide shows is what works.
it("the guide for existing applications shows code that runs", () => {
  const sources = ["socketio-app", "moved-app"].flatMap((page) =>
    readdirSync(new URL(page, pages))
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => flush(readFileSync(new URL(`${page}/${name}`, pages), "utf8"))),
  );
  const blocks = [...guide.matchAll(/^```tsx\n([\s\S]*?)^```/gm)].map(([, code]) => flush(code ?? ""));
  expect(blocks.length).toBeGreaterThan(5);
  for (const block of blocks) {
    expect(
      sources.some((source) => source.includes(block)),
      block,
    ).toBe(true);
  }
});

it.each(readdirSync(`${root}docs/guides`))("%s names files that are there", (name) => {
  const text = readFileSync(`${root}docs/guides/${name}`, "utf8");
  const named = text.matchAll(/`((?:frontend-client|src|test|tests|demo|docs|browser|scripts)\/[\w./-]+)`/g);
  const folders = [root, `${root}frontend-client/`];
  const missing = [...named].filter(([, path]) => !folders.some((folder) => existsSync(folder + path)));
  expect(missing.map(([, path]) => path)).toEqual([]);
});

// req: T28 T29
it("the page on realtime updates names every event, every handler and every hook, and what is still to come", () => {
  const page = readFileSync(new URL("../../docs/features/realtime-updates.md", import.meta.url), "utf8");
  const names = [
    ...EVENT_TYPES,
    ...EVENT_TYPES.map(handlerName),
    ...Object.keys(hooks).filter((name) => /^use|^[A-Z][a-z]/.test(name)),
  ];
  expect(names.filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  expect(page.split("```mermaid\nsequenceDiagram").length).toBeGreaterThan(5);
  const [, future = ""] = page.split("## Future work\n");
  expect(future).toMatch(/queue for reliable delivery/);
  expect(future).toMatch(/Smaller payloads/);
});
