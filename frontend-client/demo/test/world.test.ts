import { readFileSync } from "node:fs";
import { gql } from "@apollo/client";
import { buildSchema, type DocumentNode, Kind, validate } from "graphql";
import { describe, expect, it } from "vitest";
import { campaignPath, routeOf, settlementPath, structurePath } from "../src/routing/routes.js";
import { newCache } from "../src/world/cache.js";
import { dayFraction, later, momentOf, seasonOf, spanOf, timeLeft } from "../src/world/calendar.js";
import * as documents from "../src/world/documents.js";
import { differences, disputes, pick } from "../src/world/editing.js";
import { ASPECT, frameOf, isNameAbove, placeIn, roadsBetween, shortened } from "../src/world/map.js";
import { isAtLeast, ROLES } from "../src/world/terms.js";

describe("the documents", () => {
  const schema = buildSchema(readFileSync(new URL("../../../docs/schema.graphql", import.meta.url), "utf8"));
  const all = Object.entries(documents as Record<string, unknown>).filter(
    (entry): entry is [string, DocumentNode] => (entry[1] as DocumentNode | null)?.kind === Kind.DOCUMENT,
  );

  it.each(all)("fit the schema: %s", (_, document) => {
    expect(validate(schema, document)).toEqual([]);
  });

  it("are all looked at", () => {
    expect(all.length).toBeGreaterThanOrEqual(13);
  });
});

describe("the cache", () => {
  const query = gql`query ($id: ID!) { settlement(id: $id) { id name } }`;
  const variables = { id: "s-1" };

  it("answers a page of its own from what a list has read", () => {
    const cache = newCache();
    const nodes = [{ __typename: "Settlement", id: "s-1", name: "Ash" }];
    cache.writeQuery({ query: gql`{ settlements { nodes { id name } } }`, data: { settlements: { nodes } } });
    expect(cache.readQuery({ query, variables })).toMatchObject({ settlement: { name: "Ash" } });
  });

  it("has no answer for what it does not know, and says of what is gone that it is gone", () => {
    const cache = newCache();
    expect(cache.readQuery({ query, variables })).toBeNull();
    cache.writeQuery({ query, variables, data: { settlement: null } });
    expect(cache.readQuery({ query, variables })).toEqual({ settlement: null });
  });
});

describe("routes", () => {
  it.each([
    ["/", { page: "campaigns" }],
    ["/campaigns", { page: "campaigns" }],
    [campaignPath("c"), { page: "campaign", campaignId: "c" }],
    [settlementPath("c", "s"), { page: "settlement", campaignId: "c", settlementId: "s" }],
    [
      `${structurePath("c", "s", "t")}/`,
      { page: "structure", campaignId: "c", settlementId: "s", structureId: "t" },
    ],
    ["/campaigns/c/settlements", { page: "unknown" }],
    ["/campaigns/c/heroes/s", { page: "unknown" }],
    ["/campaigns/c/settlements/s/heroes/t", { page: "unknown" }],
    ["/campaigns/c/settlements/s/structures/t/x/y", { page: "unknown" }],
    ["/worlds", { page: "unknown" }],
  ])("%s", (path, route) => {
    expect(routeOf(path)).toEqual(route);
  });
});

describe("the calendar", () => {
  it("says when, how much of the day has passed, and how long until then", () => {
    expect(momentOf("1372-04-10T08:00:00.000Z")).toBe("10 April 1372, 08:00");
    expect(dayFraction("1372-04-10T06:00:00.000Z")).toBe(0.25);
    expect(timeLeft("1372-04-10T08:00:00.000Z", "1372-04-10T20:00:00.000Z")).toBe("12 hours");
    expect(timeLeft("1372-04-10T08:00:00.000Z", "1372-04-19T09:30:00.000Z")).toBe("9 days 1 hour");
    expect(timeLeft("1372-04-10T08:00:00.000Z", "1372-04-17T09:00:00.000Z")).toBe("7 days 1 hour");
    expect(timeLeft("1372-04-10T08:00:00.000Z", "1372-04-11T08:05:00.000Z")).toBe("1 day");
    expect(timeLeft("1372-04-10T08:00:00.000Z", "1372-04-10T08:00:30.000Z")).toBe("a moment");
    expect([spanOf({ value: 1, unit: "WEEKS" }), spanOf({ value: 6, unit: "HOURS" })]).toEqual([
      "1 week",
      "6 hours",
    ]);
  });

  it("has the server's seasons, and advances like the server", () => {
    expect(
      ["02-28", "03-01", "06-01", "08-31", "09-01", "12-01"].map((day) => seasonOf(`1372-${day}T12:00:00Z`)),
    ).toEqual(["winter", "spring", "summer", "summer", "autumn", "winter"]);
    expect(later("1372-02-28T23:00:00.000Z", 1, "HOURS")).toBe("1372-02-29T00:00:00.000Z");
    expect(later("1372-04-10T08:00:00.000Z", 2, "WEEKS")).toBe("1372-04-24T08:00:00.000Z");
  });
});

// req: T16
describe("two people editing the same", () => {
  const fields = ["name", "level", "population"] as const;
  const before = { name: "Hollowford", level: 5, population: 420, version: 1 };

  it("sends only what was changed", () => {
    const mine = { ...before, level: 6 };
    expect(pick(mine, differences(fields, before, mine))).toEqual({ level: 6 });
    expect(differences(fields, before, { ...before, version: 2 })).toEqual([]);
  });

  it("is contested only where both changed it to different values", () => {
    const mine = { ...before, population: 500, level: 6 };
    const theirs = { ...before, population: 640, level: 6, name: "Highford", version: 2 };
    const found = disputes(fields, before, mine, theirs);
    expect(found.map(({ field, isContested }) => [field, isContested])).toEqual([
      ["name", false],
      ["level", false],
      ["population", true],
    ]);
    expect(found[2]).toMatchObject({ before: 420, mine: 500, theirs: 640 });
  });
});

describe("the map", () => {
  const places = [
    { x: 12.5, y: -3 },
    { x: -48, y: 20 },
    { x: 60, y: 75.5 },
    { x: -120, y: -90 },
  ];

  it("shows every place with room around it, north up", () => {
    const frame = frameOf(places);
    expect(frame.width / frame.height).toBeCloseTo(ASPECT);
    const shown = places.map((place) => placeIn(frame, place));
    for (const { x, y } of shown) {
      expect(x).toBeGreaterThan(100);
      expect(x).toBeLessThan(900);
      expect(y).toBeGreaterThan(100);
      expect(y).toBeLessThan(525);
    }
    expect(shown[2]?.y).toBeLessThan(shown[3]?.y ?? 0);
  });

  it("has a frame for one place and for none", () => {
    expect(frameOf([]).width).toBeGreaterThan(0);
    expect(placeIn(frameOf([{ x: 5, y: 5 }]), { x: 5, y: 5 })).toEqual({ x: 500, y: 312.5 });
  });

  it("writes a name above its place when another place is below, unless one is above as well", () => {
    const [high, low] = [
      { x: 500, y: 300 },
      { x: 460, y: 345 },
    ];
    expect(isNameAbove(high, [high, low])).toBe(true);
    expect(isNameAbove(low, [high, low])).toBe(false);
    expect(isNameAbove(high, [high, low, { x: 510, y: 260 }])).toBe(false);
    expect(isNameAbove(high, [high, { x: 700, y: 345 }])).toBe(false);
  });

  it("shortens a name that would cover others, by whole letters", () => {
    expect(shortened("Hollowford upon the Mire")).toBe("Hollowford upon the Mire");
    expect(shortened("Hollowford upon the Mires")).toBe("Hollowford upon the Mir…");
    expect(shortened("🏰".repeat(100))).toBe(`${"🏰".repeat(23)}…`);
  });

  it("connects all places by the shortest roads", () => {
    expect(roadsBetween([])).toEqual([]);
    expect(roadsBetween(places)).toEqual([
      [0, 1],
      [0, 2],
      [1, 3],
    ]);
  });
});

// req: P08
it("lets nobody do more than the role allows", () => {
  expect(ROLES.map((role) => isAtLeast(role, "PLAYER"))).toEqual([false, true, true, true]);
  expect(isAtLeast(null, "VIEWER")).toBe(false);
});
