import { gql } from "@apollo/client";
import { describe, expect, it } from "vitest";
import { CAMPAIGN, campaign, fakeTime, pass, settle } from "../support.js";
import { batches, bound, frame, SETTLEMENT, SETTLEMENTS } from "./support.js";

fakeTime();

const CAMPAIGN_QUERY = gql`
  query Campaign($id: ID!) {
    campaign(id: $id) { id name worldTime version myRole settlements { nodes { id name } } members { nodes { userId role } } }
  }
`;

// req: T17
describe("an event with data", () => {
  it("is written: what is shown changes with the next frame, without a request", async () => {
    const { world, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.updateSettlement("s-001", {
      population: 150,
      position: { x: 9, y: 2 },
      variables: { mood: "calm" },
    });
    await frame();
    expect(page.now()["settlement"]).toMatchObject({
      population: 150,
      position: { x: 9, y: 2 },
      variables: { mood: "calm" },
      version: 2,
      defense: 1,
    });
    expect(world.asked("Settlement")).toBe(1);
  });

  it("reaches every query that shows the entity, and wakes no other", async () => {
    const { world, show } = await bound();
    const list = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    const one = await show(SETTLEMENT, { id: "s-001" });
    const other = await show(SETTLEMENT, { id: "s-002" });
    world.updateSettlement("s-001", { name: "Ash" });
    await frame();
    expect(list.now()["settlements"]).toMatchObject({
      nodes: [{ name: "Ash" }, { name: "Settlement s-002" }],
    });
    expect(one.now()["settlement"]).toMatchObject({ name: "Ash" });
    expect(other.seen).toHaveLength(1);
    expect(world.requests).toHaveLength(3);
  });

  it("is ignored when its version is not newer than what the cache has", async () => {
    const { server, world, show } = await bound();
    world.settlement(CAMPAIGN, "s-001", { version: 5 });
    const page = await show(SETTLEMENT, { id: "s-001" });
    for (const version of [4, 5]) {
      server.publish("settlement_updated", {
        settlementId: "s-001",
        campaignId: CAMPAIGN,
        operation: "update",
        version,
        changedFields: ["name"],
        settlementData: { name: "Old" },
      });
    }
    await frame();
    expect(page.seen).toHaveLength(1);
  });
});

describe("the world's clock", () => {
  it("moves with world_time_changed", async () => {
    const { world, show } = await bound();
    const page = await show(CAMPAIGN_QUERY, { id: CAMPAIGN });
    world.advance(CAMPAIGN, "1372-03-02T08:00:00.000Z");
    await frame();
    expect(page.now()["campaign"]).toMatchObject({ worldTime: "1372-03-02T08:00:00.000Z", version: 2 });
    expect(world.asked("Campaign")).toBe(1);
  });
});

describe("an event without data", () => {
  const without = (version: number) => ({
    settlementId: "s-001",
    campaignId: CAMPAIGN,
    operation: "update" as const,
    version,
    changedFields: ["population"],
  });

  it("has the active queries that need it read again, once, and no other", async () => {
    const { server, world, show } = await bound();
    const one = await show(SETTLEMENT, { id: "s-001" });
    await show(SETTLEMENT, { id: "s-002" });
    world.changeSilently("s-001", { population: 7 });
    server.publish("settlement_updated", without(2));
    await frame();
    expect(one.now()["settlement"]).toMatchObject({ population: 7, version: 2 });
    expect(world.requests.map(({ variables }) => variables["id"])).toEqual(["s-001", "s-002", "s-001"]);
    expect(one.seen).toHaveLength(2);
  });

  it("drops what nobody shows: it is read when somebody wants to see it", async () => {
    const { server, world, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    page.hide();
    world.changeSilently("s-001", { population: 7 });
    server.publish("settlement_updated", without(2));
    await frame();
    expect(world.asked("Settlement")).toBe(1);
    const again = await show(SETTLEMENT, { id: "s-001" });
    expect(again.now()["settlement"]).toMatchObject({ population: 7, version: 2 });
    expect(world.asked("Settlement")).toBe(2);
  });
});

/** A thousand events take a busy machine longer than a test usually may. */
const BURST_MS = 30_000;

describe("a burst", () => {
  it(
    "of 1,000 events is one batch in each frame, and no request",
    async () => {
      const { cache, world, show } = await bound();
      const page = await show(SETTLEMENT, { id: "s-001" });
      const count = batches(cache);
      for (let population = 1; population <= 1000; population += 1) {
        world.updateSettlement("s-001", { population });
      }
      await frame();
      expect(page.now()["settlement"]).toMatchObject({ population: 1000, version: 1001 });
      expect(count).toHaveBeenCalledTimes(1);
      expect(page.seen).toHaveLength(2);
      expect(world.asked("Settlement")).toBe(1);
    },
    BURST_MS,
  );

  it(
    "of 1,000 events over a second is at most one batch a frame",
    async () => {
      const { cache, world, show } = await bound();
      await show(SETTLEMENT, { id: "s-001" });
      const count = batches(cache);
      for (let population = 1; population <= 1000; population += 1) {
        world.updateSettlement("s-001", { population });
        await pass(1);
      }
      await frame();
      expect(count.mock.calls.length).toBeGreaterThan(30);
      expect(count.mock.calls.length).toBeLessThanOrEqual(63);
    },
    BURST_MS,
  );

  it(
    "of 1,000 invalidations has a query read at most once in 250 ms, the last time after the last of them",
    async () => {
      const { server, world, show } = await bound();
      const page = await show(SETTLEMENT, { id: "s-001" });
      for (let defense = 1; defense <= 1000; defense += 1) {
        world.defense.set("s-001", defense);
        server.publish("state_invalidated", {
          campaignId: CAMPAIGN,
          scope: "entity",
          entities: [{ entityType: "settlement", entityId: "s-001" }],
          fields: ["defense"],
        });
        await pass(1);
      }
      await pass(300);
      expect(page.now()["settlement"]).toMatchObject({ defense: 1000 });
      const asked = world.asked("Settlement") - 1;
      expect(asked).toBeGreaterThanOrEqual(3);
      expect(asked).toBeLessThanOrEqual(6);
    },
    BURST_MS,
  );
});

describe("state_invalidated", () => {
  const invalidate = (fields?: string[]) => ({
    campaignId: CAMPAIGN,
    scope: "entity" as const,
    entities: [{ entityType: "settlement" as const, entityId: "s-001" }],
    ...(fields && { fields }),
  });

  it("reads again what is shown, and keeps it on the screen until then", async () => {
    const { server, world, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    await show(SETTLEMENT, { id: "s-002" });
    await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    world.answerMs = 100;
    world.defense.set("s-001", 40);
    server.publish("state_invalidated", invalidate(["defense"]));
    await frame();
    expect(page.now()["settlement"]).toMatchObject({ defense: 1 });
    world.updateSettlement("s-001", { name: "Ash" });
    await frame();
    expect(page.now()["settlement"]).toMatchObject({ name: "Ash", defense: 1 });
    await pass(100);
    expect(page.now()["settlement"]).toMatchObject({ name: "Ash", defense: 40 });
    expect(world.requests.slice(3).map(({ variables }) => variables)).toEqual([{ id: "s-001" }]);
    expect(page.seen).not.toContain(undefined);
  });

  it("drops exactly the named fields where nobody looks", async () => {
    const { server, cache, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    page.hide();
    const before = { ...(cache.extract()["Settlement:s-001"] as object) } as Record<string, unknown>;
    server.publish("state_invalidated", invalidate(["defense"]));
    await frame();
    const { defense, ...rest } = before;
    expect(defense).toBe(1);
    expect(cache.extract()["Settlement:s-001"]).toEqual(rest);
    server.publish("state_invalidated", invalidate());
    await frame();
    const { prosperity, ...stored } = rest;
    expect(prosperity).toBe(2);
    expect(cache.extract()["Settlement:s-001"]).toEqual(stored);
  });

  it("finds an entity by its id alone", async () => {
    const { server, world, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    await show(SETTLEMENT, { id: "s-002" });
    world.defense.set("s-001", 40);
    server.publish("state_invalidated", {
      campaignId: CAMPAIGN,
      scope: "entity",
      entityIds: ["s-001"],
      fields: ["defense"],
    });
    await frame();
    expect(page.now()["settlement"]).toMatchObject({ defense: 40 });
    expect(world.asked("Settlement")).toBe(3);
  });

  it("covers the whole campaign when it says so, and nothing of another one", async () => {
    const { server, world, cache, show } = await bound();
    world.campaign("other");
    world.settlement("other", "s-009");
    for (const id of ["s-001", "s-002", "s-009"]) {
      (await show(SETTLEMENT, { id })).hide();
    }
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign" });
    await frame();
    const stored = cache.extract();
    expect(stored["Settlement:s-001"]).not.toHaveProperty("defense");
    expect(stored["Settlement:s-002"]).not.toHaveProperty("prosperity");
    expect(stored["Settlement:s-001"]).toHaveProperty("population");
    expect(stored["Settlement:s-009"]).toHaveProperty("defense");
  });
});

describe("a stale room", () => {
  it("has read again what is on the screen, drops the rest, and is stale until then", async () => {
    const { server, fanfare, world, cache, show } = await bound();
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    (await show(SETTLEMENT, { id: "s-002" })).hide();
    world.answerMs = 100;
    world.changeSilently("s-001", { name: "Missed" });
    world.settlement(CAMPAIGN, "s-003");
    server.invalidate(campaign, "unverified");
    await frame();
    await settle();
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
    expect(cache.extract()["Settlement:s-002"]).not.toHaveProperty("level");
    await pass(150);
    expect(page.now()["settlements"]).toMatchObject({
      nodes: [{ name: "Missed" }, { id: "s-002" }, { id: "s-003" }],
    });
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
    expect(world.asked("Settlements")).toBe(2);
  });
});
