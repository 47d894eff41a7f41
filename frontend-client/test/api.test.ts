import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

/** The modules whose declarations are the package's public interface. */
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
  "react/index",
  "react/connection-badge",
  "react/connection-notices",
  "react/labels",
  "react/notice",
  "react/provider",
  "react/use-connection",
  "react/use-entity",
  "react/use-freshness",
  "react/use-presence",
  "react/use-room",
  "react/use-subscription",
  "apollo/index",
  "apollo/binding",
  "apollo/use-cache-sync",
  "sync/policies",
  "zustand/index",
  "zustand/calendar",
  "zustand/derived",
  "zustand/store",
  "zustand/use-world-clock",
  "query/index",
  "query/binding",
  "query/policies",
  "query/use-query-sync",
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

/** What each subpath of the package exports, beside types. */
const EXPORTS: Record<string, { load: () => Promise<object>; names: readonly string[] }> = {
  ".": {
    load: () => import("../src/index.js"),
    names: ["EVENT_TYPES", "FanfareError", "PROTOCOL_VERSION", "createFanfare"],
  },
  "./react": {
    load: () => import("../src/react/index.js"),
    names: [
      "ConnectionBadge",
      "ConnectionNotices",
      "ENGLISH",
      "FanfareProvider",
      "useCampaignSubscription",
      "useConnection",
      "useFanfare",
      "useFreshness",
      "usePresence",
      "useRoom",
      "useSettlementSubscription",
      "useStructureSubscription",
      "useSubscription",
    ],
  },
  "./apollo": {
    load: () => import("../src/apollo/index.js"),
    names: ["bindApolloCache", "useCacheSync", "worldPolicies"],
  },
  "./zustand": {
    load: () => import("../src/zustand/index.js"),
    names: ["createWorldTimeStore", "fromClock", "timeUntil", "useWorldClock", "worldDate"],
  },
  "./query": {
    load: () => import("../src/query/index.js"),
    names: ["bindQueryClient", "useQuerySync", "worldQueries"],
  },
  "./testing": {
    load: () => import("../src/testing/index.js"),
    names: ["FakeBrowser", "FakeLog", "FakeServer", "FakeTab", "createFanfareIn", "fakeToken", "roomsOf"],
  },
};

it("has these subpaths", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: object };
  expect(Object.keys(manifest.exports)).toEqual([...Object.keys(EXPORTS), "./package.json"]);
});

it.each(Object.entries(EXPORTS))(
  "exports these values: %s",
  async (_, { load, names }) => {
    expect(Object.keys(await load()).sort()).toEqual(names);
  },
  60_000,
);
