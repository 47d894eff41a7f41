import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

/** The modules whose declarations are the core's public interface. */
const PUBLIC = [
  "index",
  "fanfare",
  "options",
  "events",
  "errors",
  "store",
  "connection/state",
  "rooms/types",
  "transport/transport",
  "testing/index",
  "testing/server",
];

const root = new URL("..", import.meta.url).pathname;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fanfare-api-"));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const options = ["-p", "tsconfig.build.json", "--emitDeclarationOnly", "--declarationMap", "false"];
  execFileSync(process.execPath, [tsc, ...options, "--outDir", folder], { cwd: root });
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The declarations without comments, which may be improved at any time. */
function declarations(module: string): string {
  const text = readFileSync(join(folder, `${module}.d.ts`), "utf8");
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*(\/\/.*)?\n/gm, "");
}

it.each(PUBLIC)("has the public interface that was reviewed: %s", async (module) => {
  await expect(declarations(module)).toMatchFileSnapshot(`./api/${module.replaceAll("/", "-")}.d.ts.txt`);
});

it("exports these values", async () => {
  const core = await import("../src/index.js");
  const testing = await import("../src/testing/index.js");
  expect(Object.keys(core).sort()).toEqual([
    "EVENT_TYPES",
    "FanfareError",
    "PROTOCOL_VERSION",
    "createFanfare",
  ]);
  expect(Object.keys(testing).sort()).toEqual([
    "FakeBrowser",
    "FakeLog",
    "FakeServer",
    "FakeTab",
    "createFanfareIn",
    "fakeToken",
    "roomsOf",
  ]);
});
