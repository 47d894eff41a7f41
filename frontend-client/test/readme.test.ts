import { readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { createFanfareIn } from "../src/create.js";
import type { Fanfare, FanfareOptions } from "../src/index.js";
import { FakeServer, fakeToken } from "../src/testing/index.js";
import { CAMPAIGN, fakeTime, settle, settled, World } from "./support.js";

fakeTime();

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("starts as the README says, word for word", async () => {
  const [, code = ""] = /## Start\n\n```js\n([\s\S]*?)```/.exec(readme) ?? [];
  const server = new FakeServer();
  let made: Fanfare | undefined;
  const createFanfare = (options: FanfareOptions) => {
    made = createFanfareIn(new World(), { ...options, transport: server.transport });
    return made;
  };
  vi.stubGlobal("fetch", async () => new Response(fakeToken({ sub: "mira" })));
  const show = vi.fn();
  const readAgain = vi.fn();
  // The import is the one line that cannot stand in a function.
  const body = code.replace('import { createFanfare } from "@fanfare/client";\n', "");
  expect(body).not.toBe(code);
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...args: unknown[]) => Promise<void>;
  const start = new AsyncFunction("createFanfare", "campaignId", "show", "readAgain", body);
  await start(createFanfare, CAMPAIGN, show, readAgain);
  expect(readAgain).toHaveBeenCalledTimes(1);
  server.publish("settlement_updated", settled(7));
  await settle();
  expect(show.mock.calls).toEqual([[expect.objectContaining({ version: 7 })]]);
  server.restore();
  server.sayHeads();
  await settle();
  expect(readAgain).toHaveBeenCalledTimes(2);
  made?.close();
  vi.unstubAllGlobals();
});

it("names every option and every function", () => {
  const text = readFileSync(new URL("../src/options.ts", import.meta.url), "utf8");
  const options = [...text.slice(text.indexOf("interface FanfareOptions")).matchAll(/^ {2}readonly (\w+)/gm)];
  expect(options.length).toBeGreaterThan(5);
  for (const [, name] of options) {
    expect(readme).toContain(`| \`${name}`);
  }
  const client = createFanfareIn(new World(), { url: "http://fake.test", getToken: () => "token" });
  for (const name of Object.keys(client)) {
    expect(readme).toContain(name);
  }
});
