import { gql } from "@apollo/client";
import { describe, expect, it, vi } from "vitest";
import { CAMPAIGN, campaign, fakeTime, pass, settle } from "../support.js";
import { bound, frame, SETTLEMENT, SETTLEMENTS } from "./support.js";

fakeTime();

const WITH_COMPUTED = gql`
  query Overview($id: ID!) {
    campaign(id: $id) { id name settlements { nodes { id name population defense } } }
  }
`;

const CAMPAIGNS = gql`
  query Campaigns { campaigns { nodes { id name } } }
`;

const CAMPAIGN_QUERY = gql`
  query Campaign($id: ID!) { campaign(id: $id) { id name version myRole } }
`;

const MEMBERS = gql`
  query Members($campaignId: ID!) { members(campaignId: $campaignId) { nodes { campaignId userId role name } } }
`;

const STRUCTURES = gql`
  query Structures($id: ID!) {
    settlement(id: $id) { id structures { edges { cursor node { id name finished } } pageInfo { hasNextPage } } }
  }
`;

const ids = (connection: unknown) => (connection as { nodes: { id: string }[] }).nodes.map(({ id }) => id);

// req: T17
describe("a new entity", () => {
  it("appears in its lists without a request", async () => {
    const { world, show } = await bound();
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    const later = await show(SETTLEMENTS, { campaignId: CAMPAIGN, first: 5, after: "s-002" });
    world.createSettlement(CAMPAIGN, "s-003", { name: "New" });
    await frame();
    expect(page.now()["settlements"]).toMatchObject({
      nodes: [{ id: "s-001" }, { id: "s-002" }, { id: "s-003", name: "New", version: 1 }],
      edges: [{ cursor: "s-001" }, { cursor: "s-002" }, { cursor: "s-003", node: { id: "s-003" } }],
      pageInfo: { hasNextPage: false, startCursor: "s-001", endCursor: "s-003" },
    });
    expect(ids(later.now()["settlements"])).toEqual(["s-003"]);
    expect(world.requests).toHaveLength(2);
  });

  it("stays off a page that is full, which then has a next one, and off the lists of others", async () => {
    const { world, show } = await bound();
    world.campaign("other");
    const full = await show(SETTLEMENTS, { campaignId: CAMPAIGN, first: 2 });
    const first = await show(SETTLEMENTS, { campaignId: CAMPAIGN, first: 1 });
    const other = await show(SETTLEMENTS, { campaignId: "other" });
    world.createSettlement(CAMPAIGN, "s-003");
    await frame();
    expect(ids(full.now()["settlements"])).toEqual(["s-001", "s-002"]);
    expect(full.now()["settlements"]).toMatchObject({ pageInfo: { hasNextPage: true, endCursor: "s-002" } });
    expect(ids(first.now()["settlements"])).toEqual(["s-001"]);
    expect(ids(other.now()["settlements"])).toEqual([]);
    expect(world.requests).toHaveLength(3);
  });

  it("is shown together with its computed values, after one request, where those are shown", async () => {
    const { world, show } = await bound();
    const page = await show(WITH_COMPUTED, { id: CAMPAIGN });
    world.defense.set("s-003", 12);
    world.createSettlement(CAMPAIGN, "s-003");
    world.updateSettlement("s-003", { population: 5 });
    await frame();
    await settle();
    expect(page.now()["campaign"]).toMatchObject({
      settlements: { nodes: [{}, {}, { id: "s-003", population: 5, defense: 12 }] },
    });
    expect(world.asked("Overview")).toBe(2);
    await pass(2000);
    expect(world.asked("Overview")).toBe(2);
    expect(page.seen).not.toContain(undefined);
  });

  it("appears in the lists of its owner", async () => {
    const { world, show } = await bound();
    const page = await show(STRUCTURES, { id: "s-001" });
    world.createStructure("s-001", "t-001");
    await frame();
    expect(page.now()["settlement"]).toMatchObject({
      structures: { edges: [{ cursor: "t-001", node: { id: "t-001", finished: true } }] },
    });
    expect(world.asked("Structures")).toBe(1);
  });
});

describe("a deleted entity", () => {
  it("that was the only one behind a page leaves the page as the last", async () => {
    const { world, show } = await bound();
    world.createSettlement(CAMPAIGN, "s-003");
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN, first: 2 });
    expect(page.now()["settlements"]).toMatchObject({ pageInfo: { hasNextPage: true } });
    world.deleteSettlement("s-003");
    await frame();
    await settle();
    expect(page.now()["settlements"]).toMatchObject({ pageInfo: { hasNextPage: false } });
  });

  it("leaves its lists, and a query for it is answered with null", async () => {
    const { world, cache, show } = await bound();
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    const one = await show(SETTLEMENT, { id: "s-002" });
    world.deleteSettlement("s-002");
    await frame();
    expect(page.now()["settlements"]).toMatchObject({
      nodes: [{ id: "s-001" }],
      edges: [{ cursor: "s-001" }],
      pageInfo: { hasNextPage: false, endCursor: "s-001" },
    });
    expect(one.now()).toEqual({ settlement: null });
    expect(cache.extract()).not.toHaveProperty("Settlement:s-002");
    expect(world.requests).toHaveLength(2);
  });

  it("has a page read again that it leaves short", async () => {
    const { world, show } = await bound();
    world.settlement(CAMPAIGN, "s-003");
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN, first: 2 });
    world.deleteSettlement("s-001");
    await frame();
    await settle();
    expect(ids(page.now()["settlements"])).toEqual(["s-002", "s-003"]);
    expect(world.asked("Settlements")).toBe(2);
  });

  it("does not come back with an answer that was given before", async () => {
    const { world, apollo, cache, show } = await bound();
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    world.answerMs = 100;
    const late = apollo.query({
      query: SETTLEMENTS,
      variables: { campaignId: CAMPAIGN, first: 50 },
      fetchPolicy: "network-only",
    });
    await settle();
    world.deleteSettlement("s-002");
    await pass(200);
    expect(ids((await late).data?.["settlements" as never])).toEqual(["s-001"]);
    expect(ids(page.now()["settlements"])).toEqual(["s-001"]);
    expect(cache.extract()).not.toHaveProperty("Settlement:s-002");
  });
});

describe("members", () => {
  it("come, change their role and go", async () => {
    const { world, show } = await bound();
    world.member(CAMPAIGN, "cyd", "PLAYER");
    world.member(CAMPAIGN, "mira", "OWNER");
    const page = await show(MEMBERS, { campaignId: CAMPAIGN });
    world.setMember(CAMPAIGN, "cyd", "GM");
    await frame();
    expect(page.now()["members"]).toMatchObject({
      nodes: [{ userId: "cyd", role: "GM" }, { userId: "mira" }],
    });
    expect(world.asked("Members")).toBe(1);
    // The event does not say the name under which a new member is shown.
    world.setMember(CAMPAIGN, "ben", "VIEWER");
    await frame();
    await settle();
    expect(page.now()["members"]).toMatchObject({
      nodes: [{ userId: "ben", name: "BEN" }, { userId: "cyd" }, { userId: "mira" }],
    });
    expect(world.asked("Members")).toBe(2);
    world.removeMember(CAMPAIGN, "cyd");
    await frame();
    expect(page.now()["members"]).toMatchObject({ nodes: [{ userId: "ben" }, { userId: "mira" }] });
    expect(world.asked("Members")).toBe(2);
  });

  it("change what the viewer may do", async () => {
    const { world, show } = await bound();
    world.member(CAMPAIGN, "mira", "VIEWER");
    const page = await show(CAMPAIGN_QUERY, { id: CAMPAIGN });
    world.setMember(CAMPAIGN, "mira", "GM");
    await frame();
    expect(page.now()["campaign"]).toMatchObject({ myRole: "GM" });
    expect(world.asked("Campaign")).toBe(1);
  });

  it("that are read without their key stay inside their list, which is read again", async () => {
    const { world, show } = await bound();
    world.member(CAMPAIGN, "cyd", "PLAYER");
    const page = await show(
      gql`
      query Roles($id: ID!) { campaign(id: $id) { id members { nodes { userId role } } } }
    `,
      { id: CAMPAIGN },
    );
    world.setMember(CAMPAIGN, "cyd", "GM");
    await frame();
    await settle();
    expect(page.now()["campaign"]).toMatchObject({ members: { nodes: [{ userId: "cyd", role: "GM" }] } });
    world.removeMember(CAMPAIGN, "cyd");
    await frame();
    expect(page.now()["campaign"]).toMatchObject({ members: { nodes: [] } });
  });
});

describe("the loss of a campaign", () => {
  it("takes everything of it out of the cache and off the screen, and asks for nothing", async () => {
    const { server, world, cache, show } = await bound();
    world.campaign("other");
    world.settlement("other", "s-009");
    world.structure("s-001", "t-001");
    world.member(CAMPAIGN, "mira", "OWNER");
    const campaigns = await show(CAMPAIGNS);
    const one = await show(SETTLEMENT, { id: "s-001" });
    const list = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    const other = await show(SETTLEMENTS, { campaignId: "other" });
    await show(STRUCTURES, { id: "s-001" });
    await show(MEMBERS, { campaignId: CAMPAIGN });
    const asked = world.requests.length;
    world.hide(CAMPAIGN);
    server.remove(campaign);
    await frame();
    await settle();
    expect(ids(campaigns.now()["campaigns"])).toEqual(["other"]);
    expect(one.now()).toEqual({ settlement: null });
    expect(list.now()).toEqual({ settlements: null });
    expect(ids(other.now()["settlements"])).toEqual(["s-009"]);
    expect(JSON.stringify(cache.extract())).not.toMatch(/s-001"|s-002|t-001|Campaign c/);
    expect(Object.keys(cache.extract())).not.toContain(`Campaign:${CAMPAIGN}`);
    expect(world.requests).toHaveLength(asked);
  });

  it("is over when the user is let in again: what is shown comes back", async () => {
    const { server, binding, show } = await bound();
    const one = await show(SETTLEMENT, { id: "s-001" });
    const list = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    server.remove(campaign);
    await frame();
    expect(one.now()).toEqual({ settlement: null });
    server.refuse(campaign, null);
    const leave = binding.sync(campaign);
    await pass(500);
    expect(one.now()["settlement"]).toMatchObject({ id: "s-001" });
    expect(ids(list.now()["settlements"])).toEqual(["s-001", "s-002"]);
    leave();
  });

  it("ends a reading that the server refuses by then, and nobody has to handle the refusal", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    const { server, world, show } = await bound();
    const one = await show(SETTLEMENT, { id: "s-001" });
    world.answerMs = 100;
    // What nobody may see any more is asked for before that is known, by an event and by a stale room.
    world.hideSettlement("s-001");
    const entities = [{ entityType: "settlement" as const, entityId: "s-001" }];
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "entity", entities });
    await frame();
    server.invalidate(campaign, "unverified");
    await frame();
    expect(world.asked("Settlement")).toBe(2);
    server.remove(campaign);
    await pass(1000);
    expect(one.now()).toEqual({ settlement: null });
    // They are told when the queue of promises has run empty.
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  it("is not undone by an answer that was given before", async () => {
    const { server, world, apollo, cache } = await bound();
    world.answerMs = 100;
    const late = apollo.query({ query: SETTLEMENTS, variables: { campaignId: CAMPAIGN } });
    await settle();
    server.remove(campaign);
    await pass(200);
    expect((await late).data).toEqual({ settlements: null });
    expect(Object.keys(cache.extract())).not.toContain("Settlement:s-001");
  });
});
