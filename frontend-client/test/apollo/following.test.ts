import { gql, InMemoryCache } from "@apollo/client";
import { describe, expect, it } from "vitest";
import { CAMPAIGN, campaign, fakeTime, pass } from "../support.js";
import { bound, frame, SETTLEMENT, SETTLEMENTS } from "./support.js";

fakeTime();

const SESSION = "session:0193a5b2-0000-7000-8000-000000000009";
const CAMPAIGNS = gql`
  query Campaigns { campaigns { nodes { id name myRole } } }
`;
const ROLE = gql`
  query Role($id: ID!) { campaign(id: $id) { id name myRole } }
`;

/** What nobody catches, as long as it is used. */
function uncaught(): { readonly errors: unknown[]; readonly [Symbol.dispose]: () => void } {
  const errors: unknown[] = [];
  const others = process.rawListeners("uncaughtException") as NodeJS.UncaughtExceptionListener[];
  const note = (error: unknown) => void errors.push(error);
  process.removeAllListeners("uncaughtException").on("uncaughtException", note);
  return {
    errors,
    [Symbol.dispose]: () => {
      process.off("uncaughtException", note);
      for (const other of others) {
        process.on("uncaughtException", other);
      }
    },
  };
}

// req: T17
describe("a room that is followed again", () => {
  it("is read again when it was joined further on by somebody else meanwhile", async () => {
    const { server, fanfare, world, binding, show } = await bound({ joined: false });
    const leave = binding.sync(campaign);
    await pass(50);
    const page = await show(SETTLEMENT, { id: "s-001" });
    // Whoever uses the room cannot read it, so that it is stale when it is left: nobody continues it from there.
    const other = fanfare.subscribe(campaign, { onStale: () => Promise.reject(new Error("offline")) });
    await pass(10);
    server.invalidate(campaign, "unverified");
    await pass(1000);
    page.hide();
    leave();
    other.unsubscribe();
    await pass(5000);
    world.updateSettlement("s-001", { name: "Missed" });
    const third = fanfare.subscribe(campaign);
    await pass(100);
    const again = binding.sync(campaign);
    await pass(1000);
    expect((await show(SETTLEMENT, { id: "s-001" })).now()["settlement"]).toMatchObject({ name: "Missed" });
    again();
    third.unsubscribe();
  });

  it("is not read when all of its events were heard, whoever has joined it", async () => {
    const { fanfare, world, binding, show } = await bound({ joined: false });
    const other = fanfare.subscribe(campaign);
    const leave = binding.sync(campaign);
    await pass(50);
    const page = await show(SETTLEMENT, { id: "s-001" });
    const second = binding.sync(campaign);
    await pass(50);
    second();
    leave();
    world.updateSettlement("s-001", { name: "Heard" });
    await pass(5000);
    world.updateSettlement("s-001", { population: 7 });
    const again = binding.sync(campaign);
    await pass(1000);
    expect(page.now()["settlement"]).toMatchObject({ name: "Heard", population: 7 });
    expect(world.asked("Settlement")).toBe(1);
    again();
    other.unsubscribe();
  });
});

describe("a change that fails in the application's code", () => {
  it("is reported, and everything that is followed is read again", async () => {
    const failure = new Error("merge");
    let fails = false;
    const merge = (_: unknown, incoming: unknown) => {
      if (fails) {
        fails = false;
        throw failure;
      }
      return incoming;
    };
    const cache = new InMemoryCache({ typePolicies: { Settlement: { fields: { variables: { merge } } } } });
    const { world, show } = await bound({ cache });
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    using reported = uncaught();
    fails = true;
    world.createSettlement(CAMPAIGN, "s-003", { variables: { a: 1 } });
    world.updateSettlement("s-001", { name: "Ash" });
    await frame();
    await pass(1000);
    expect(reported.errors).toEqual([failure]);
    expect(page.now()["settlements"]).toMatchObject({ nodes: [{ name: "Ash" }, {}, { id: "s-003" }] });
  });
});

describe("the user's own room", () => {
  it("is stale until the campaigns and the user's roles in them have been read again", async () => {
    const { server, fanfare, world, show } = await bound();
    world.member(CAMPAIGN, "mira", "PLAYER");
    await fanfare.subscribe("user:mira").ready;
    const all = await show(CAMPAIGNS);
    const one = await show(ROLE, { id: CAMPAIGN });
    world.campaign("other");
    world.becomes(CAMPAIGN, "mira", "GM");
    world.answerMs = 100;
    server.invalidate("user:mira", "unverified");
    await pass(50);
    expect(fanfare.freshness("user:mira").getSnapshot()).toBe("stale");
    await pass(500);
    expect(all.now()["campaigns"]).toMatchObject({
      nodes: [{ id: CAMPAIGN, myRole: "GM" }, { id: "other" }],
    });
    expect(one.now()["campaign"]).toMatchObject({ myRole: "GM" });
    expect(fanfare.freshness("user:mira").getSnapshot()).toBe("live");
  });
});

describe("a room of which the cache knows nothing", () => {
  it("stays stale: nobody has read it", async () => {
    const { server, fanfare } = await bound();
    await fanfare.subscribe(SESSION).ready;
    server.invalidate(SESSION, "unverified");
    await pass(1000);
    expect(fanfare.freshness(SESSION).getSnapshot()).toBe("stale");
  });
});
