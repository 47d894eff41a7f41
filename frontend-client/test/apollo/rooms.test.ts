import { gql, InMemoryCache } from "@apollo/client";
import { describe, expect, it } from "vitest";
import { CAMPAIGN, campaign, fakeTime, pass } from "../support.js";
import { bound, frame, SETTLEMENTS } from "./support.js";

fakeTime();

/** A page that says nowhere of which campaign it is. */
const BARE = gql`
  query Bare($id: ID!) { settlement(id: $id) { id name version defense } }
`;
const BARE_STRUCTURES = gql`
  query BareStructures($id: ID!) { structures(settlementId: $id) { nodes { id name version } } }
`;

// req: T17
describe("data that does not say of which campaign it is", () => {
  it("is read again when the room is stale, which is stale until then", async () => {
    const { server, fanfare, world, show } = await bound();
    const page = await show(BARE, { id: "s-001" });
    world.changeSilently("s-001", { name: "Missed" });
    world.answerMs = 100;
    server.invalidate(campaign, "unverified");
    await pass(50);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
    await pass(500);
    expect(page.now()["settlement"]).toMatchObject({ name: "Missed" });
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
  });

  it("is read again when it was read before the room was joined", async () => {
    const { binding, world, show } = await bound({ joined: false });
    const page = await show(BARE, { id: "s-001" });
    world.changeSilently("s-001", { name: "Missed" });
    const leave = binding.sync(campaign);
    await pass(100);
    expect(page.now()["settlement"]).toMatchObject({ name: "Missed" });
    leave();
  });

  it("is read again when something computed of the campaign is out of date", async () => {
    const { server, world, show } = await bound();
    const page = await show(BARE, { id: "s-001" });
    world.defense.set("s-001", 40);
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign" });
    await pass(100);
    expect(page.now()["settlement"]).toMatchObject({ defense: 40 });
  });

  it("leaves the cache with the campaign where nobody looks; what is shown the server refuses", async () => {
    const { server, world, cache, show } = await bound();
    world.structure("s-002", "t-001");
    const page = await show(BARE, { id: "s-001" });
    (await show(BARE_STRUCTURES, { id: "s-002" })).hide();
    (await show(BARE, { id: "s-002" })).hide();
    world.hide(CAMPAIGN);
    world.hideSettlement("s-001");
    world.hideSettlement("s-002");
    server.remove(campaign);
    await pass(1000);
    expect(page.query.getCurrentResult().error?.message).toMatch(/Not found/);
    expect(JSON.stringify(cache.extract())).not.toMatch(/Settlement s-|Structure t-/);
  });

  it("stays when it turns out to be of another campaign, and what names another one is not even read", async () => {
    const { server, world, cache, show } = await bound({ cache: new InMemoryCache() });
    world.campaign("other");
    world.settlement("other", "z-001");
    world.settlement("other", "z-002");
    const page = await show(BARE, { id: "z-001" });
    const list = await show(
      gql`query Other { settlements(campaignId: "other", first: 1, after: "z-001") { nodes { id name version } } }`,
    );
    world.hide(CAMPAIGN);
    server.remove(campaign);
    await pass(1000);
    expect(page.now()["settlement"]).toMatchObject({ name: "Settlement z-001" });
    expect(page.seen.every((data) => data !== undefined)).toBe(true);
    expect(list.now()).toMatchObject({ settlements: { nodes: [{ id: "z-002" }] } });
    expect(world.asked("Bare")).toBe(2);
    expect(world.asked("Other")).toBe(1);
    expect(cache.extract()["Settlement:z-002"]).toMatchObject({ name: "Settlement z-002" });
  });
});

describe("data of a campaign by its list alone", () => {
  it("leaves the cache with the campaign, and nothing is asked", async () => {
    const { server, world, cache, show } = await bound();
    await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    const { length } = world.requests;
    server.remove(campaign);
    await frame();
    expect(Object.keys(cache.extract())).not.toContain("Settlement:s-001");
    expect(world.requests).toHaveLength(length);
  });
});
