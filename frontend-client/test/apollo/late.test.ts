import { gql, InMemoryCache } from "@apollo/client";
import { describe, expect, it } from "vitest";
import {
  CAMPAIGN,
  campaign,
  fakeTime,
  pass,
  settle,
  settled,
  setup,
  SETTLEMENT as UUID,
} from "../support.js";
import { bound, frame, SETTLEMENT, SETTLEMENTS } from "./support.js";

fakeTime();

const UPDATE = gql`
  mutation Update($id: ID!, $input: UpdateSettlementInput!, $expectedVersion: Int) {
    updateSettlement(id: $id, input: $input, expectedVersion: $expectedVersion) { id name version }
  }
`;

const CREATE = gql`
  mutation Create($input: CreateSettlementInput!) { createSettlement(input: $input) { id name version } }
`;

const NAMES = gql`
  query Names($campaignId: ID!) { settlements(campaignId: $campaignId) { nodes { id name } } }
`;

const VERSIONS = gql`
  query Versions($campaignId: ID!) { settlements(campaignId: $campaignId) { nodes { id version } } }
`;

const names = (seen: readonly unknown[]) =>
  seen.map((data) => (data as { settlement: { name: string } }).settlement.name);

// req: T17
describe("an answer that comes late", () => {
  it("does not overwrite what an event has brought meanwhile, not even for a moment", async () => {
    const { world, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.answerMs = 100;
    const late = page.query.refetch();
    await settle();
    world.updateSettlement("s-001", { name: "New" });
    await pass(200);
    expect((await late).data?.["settlement"]).toMatchObject({ name: "New", version: 2 });
    expect(page.now()["settlement"]).toMatchObject({ name: "New", version: 2 });
    expect(names(page.seen).lastIndexOf("Settlement s-001")).toBeLessThan(names(page.seen).indexOf("New"));
  });

  it("does not either when the query selects no version", async () => {
    const { world, show } = await bound();
    const one = await show(SETTLEMENT, { id: "s-001" });
    const page = await show(NAMES, { campaignId: CAMPAIGN });
    world.answerMs = 100;
    const late = page.query.refetch();
    await settle();
    world.updateSettlement("s-001", { name: "New" });
    await pass(200);
    await late;
    expect(one.now()["settlement"]).toMatchObject({ name: "New", version: 2 });
    expect(page.now()["settlements"]).toMatchObject({ nodes: [{ name: "New" }, {}] });
    expect(names(one.seen)).toEqual(["Settlement s-001", "New"]);
  });

  it("is brought up to date when it is the first to have the entity", async () => {
    const { world, show } = await bound();
    world.answerMs = 100;
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.updateSettlement("s-001", { name: "New" });
    world.createSettlement(CAMPAIGN, "s-003");
    await pass(200);
    expect(page.now()["settlement"]).toMatchObject({ name: "New", version: 2 });
    expect(names(page.seen.filter(Boolean))).toEqual(["New"]);
  });

  it("does not overwrite a newer answer", async () => {
    const { world, apollo, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.answerMs = 100;
    const late = page.query.refetch();
    await settle();
    world.changeSilently("s-001", { name: "New" });
    world.answerMs = 0;
    const quick = apollo.query({
      query: SETTLEMENT,
      variables: { id: "s-001" },
      fetchPolicy: "network-only",
      context: { queryDeduplication: false },
    });
    await settle();
    await quick;
    await pass(200);
    await late;
    expect(page.now()["settlement"]).toMatchObject({ name: "New", version: 2 });
    expect(names(page.seen).slice(names(page.seen).indexOf("New"))).not.toContain("Settlement s-001");
  });

  it("does not pass for the version that the cache has of less", async () => {
    const { world, show } = await bound();
    await show(VERSIONS, { campaignId: CAMPAIGN });
    world.answerMs = 100;
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.updateSettlement("s-001", { population: 777, level: 9 });
    await pass(1000);
    expect(page.now()["settlement"]).toMatchObject({ population: 777, level: 9, version: 2 });
  });

  it("does not either when another answer has brought that version before its event", async () => {
    const { world, server, apollo, show } = await bound();
    await show(VERSIONS, { campaignId: CAMPAIGN });
    world.answerMs = 100;
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.changeSilently("s-001", { population: 777 });
    world.answerMs = 0;
    const quick = apollo.query({
      query: VERSIONS,
      variables: { campaignId: CAMPAIGN },
      fetchPolicy: "network-only",
    });
    await settle();
    await quick;
    await pass(200);
    server.publish("settlement_updated", {
      ...settled(2, "s-001"),
      settlementData: { population: 777 },
    });
    await pass(1000);
    expect(page.now()["settlement"]).toMatchObject({ population: 777, version: 2 });
    expect(world.asked("Settlement")).toBe(2);
  });

  it("keeps a new entity in its list", async () => {
    const { world, show } = await bound();
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    world.answerMs = 100;
    const late = page.query.refetch();
    await settle();
    world.createSettlement(CAMPAIGN, "s-003");
    await pass(1000);
    await late;
    const lengths = page.seen.map(
      (data) => (data as { settlements: { nodes: [] } }).settlements.nodes.length,
    );
    expect(lengths).toEqual([...lengths].sort());
    expect(lengths.at(-1)).toBe(3);
  });

  it("has computed values read again that were declared out of date meanwhile", async () => {
    const { server, world, show } = await bound();
    world.answerMs = 100;
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.defense.set("s-001", 40);
    server.publish("state_invalidated", {
      campaignId: CAMPAIGN,
      scope: "entity",
      entities: [{ entityType: "settlement", entityId: "s-001" }],
      fields: ["defense"],
    });
    await pass(400);
    expect(page.now()["settlement"]).toMatchObject({ defense: 40 });
    expect(world.asked("Settlement")).toBe(2);
  });

  it("is read again when the room was joined after it was asked for", async () => {
    const { world, binding, show } = await bound({ joined: false });
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.changeSilently("s-001", { name: "Missed" });
    const end = binding.sync(campaign);
    await pass(50);
    expect(page.now()["settlement"]).toMatchObject({ name: "Missed" });
    expect(world.asked("Settlement")).toBe(2);
    end();
    // Coming back, the room continues where it was: nothing has to be read.
    await pass(5000);
    world.updateSettlement("s-001", { name: "Later" });
    const again = binding.sync(campaign);
    await pass(50);
    expect(page.now()["settlement"]).toMatchObject({ name: "Later" });
    expect(world.asked("Settlement")).toBe(2);
    again();
  });
});

describe("one's own optimistic change", () => {
  it("never flickers, whether its event or its answer comes first", async () => {
    for (const answerMs of [0, 200]) {
      const { world, apollo, show } = await bound();
      const page = await show(SETTLEMENT, { id: "s-001" });
      world.answerMs = answerMs;
      const done = apollo.mutate({
        mutation: UPDATE,
        variables: { id: "s-001", input: { name: "Mine" }, expectedVersion: 1 },
        optimisticResponse: {
          updateSettlement: { __typename: "Settlement", id: "s-001", name: "Mine", version: 2 },
        },
      });
      await pass(500);
      await done;
      expect(names(page.seen)).toEqual(["Settlement s-001", "Mine"]);
      expect(page.now()["settlement"]).toMatchObject({ name: "Mine", version: 2 });
      expect(world.asked("Settlement")).toBe(1);
    }
  });

  it("that conflicts gives way to what the other one wrote", async () => {
    const { world, apollo, cache, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.answerMs = 200;
    world.changeSilently("s-001", { name: "Theirs" });
    const done = apollo.mutate({
      mutation: UPDATE,
      variables: { id: "s-001", input: { name: "Mine" }, expectedVersion: 1 },
      optimisticResponse: {
        updateSettlement: { __typename: "Settlement", id: "s-001", name: "Mine", version: 2 },
      },
    });
    done.catch(() => {});
    await settle();
    expect(page.now()["settlement"]).toMatchObject({ name: "Mine" });
    // Its version is that of the optimistic guess, which must not hide it.
    world.updateSettlement("s-001", { population: 7 });
    await frame();
    expect(page.now()["settlement"]).toMatchObject({ name: "Mine" });
    await pass(300);
    await expect(done).rejects.toThrow(/another version/);
    expect(page.now()["settlement"]).toMatchObject({ name: "Theirs", population: 7, version: 3 });
    expect(cache.extract()["Settlement:s-001"]).toMatchObject({ name: "Theirs", version: 3 });
  });

  it("that makes something new shows it once", async () => {
    const { world, apollo, show } = await bound();
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    world.answerMs = 100;
    const done = apollo.mutate({
      mutation: CREATE,
      variables: { input: { campaignId: CAMPAIGN, name: "Mine" } },
    });
    await pass(300);
    await done;
    expect(page.now()["settlements"]).toMatchObject({ nodes: [{}, {}, { id: "s-003", name: "Mine" }] });
    expect(page.seen).toHaveLength(2);
    expect(world.asked("Settlements")).toBe(1);
  });
});

// req: N27
describe("reading again by hand", () => {
  it("is possible at any time, after a mutation for example, and shows nothing older", async () => {
    const { world, apollo, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.answerMs = 50;
    const done = apollo.mutate({ mutation: UPDATE, variables: { id: "s-001", input: { name: "Mine" } } });
    await pass(100);
    await done;
    const refreshed = page.query.refetch();
    world.updateSettlement("s-001", { name: "Theirs" });
    await pass(100);
    await refreshed;
    expect(names(page.seen).filter((name, index, all) => name !== all[index - 1])).toEqual([
      "Settlement s-001",
      "Mine",
      "Theirs",
    ]);
    expect(world.asked("Settlement")).toBe(2);
  });

  it("makes a stale room fresh where nothing reads it by itself", async () => {
    const { server, fanfare } = setup({}, { headsIntervalMs: 0 });
    await fanfare.subscribe(campaign).ready;
    server.invalidate(campaign, "unverified");
    await settle();
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
    fanfare.markFresh(campaign);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
  });
});

describe("a gap in an entity's versions", () => {
  it("has read again what the event does not carry", async () => {
    const { server, world, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.changeSilently("s-001", { name: "Skipped" });
    world.changeSilently("s-001", { population: 7 });
    server.publish("settlement_updated", {
      ...settled(3, "s-001"),
      settlementData: { population: 7 },
    });
    await frame();
    expect(page.now()["settlement"]).toMatchObject({ name: "Skipped", population: 7, version: 3 });
    expect(world.asked("Settlement")).toBe(2);
  });
});

describe("a binding", () => {
  it("leaves the Apollo client as it was", async () => {
    const { world, apollo, cache, binding, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    binding.unbind();
    expect(apollo.link).toBe(world.link);
    expect(cache.write).toBe(InMemoryCache.prototype.write);
    world.updateSettlement("s-001", { name: "Unheard" });
    await frame();
    expect(page.now()["settlement"]).toMatchObject({ name: "Settlement s-001" });
  });

  it("reads again when the network is back what could not be read", async () => {
    const { server, world, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.isReachable = false;
    world.defense.set("s-001", 40);
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign" });
    await pass(1500);
    expect(page.now()["settlement"]).toMatchObject({ defense: 1 });
    world.isReachable = true;
    await pass(5000);
    expect(page.now()["settlement"]).toMatchObject({ defense: 40 });
    expect(page.seen.every((data) => !(data instanceof Error))).toBe(true);
  });

  it("leaves it to the component when the server refuses, and the room is no longer stale", async () => {
    const { server, fanfare, world, show } = await bound();
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.hideSettlement("s-001");
    server.invalidate(campaign, "unverified");
    await pass(2000);
    expect(page.query.getCurrentResult().error?.message).toMatch(/Not found/);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
    const asked = world.asked("Settlement");
    await pass(60_000);
    expect(world.asked("Settlement")).toBe(asked);
  });

  it("ignores entities of which the cache has nothing", async () => {
    const { server, world, cache } = await bound();
    const before = cache.extract();
    server.publish("settlement_updated", { ...settled(2, UUID), settlementData: { name: "Far away" } });
    server.publish("entity_updated", {
      entityType: "character",
      entityId: "x",
      campaignId: CAMPAIGN,
      operation: "delete",
      version: 1,
      changedFields: [],
    });
    await frame();
    expect(cache.extract()).toEqual(before);
    expect(world.requests).toEqual([]);
  });
});
