import { gql, InMemoryCache } from "@apollo/client";
import type { ExecutionResult } from "graphql";
import { describe, expect, it } from "vitest";
import { CAMPAIGN, campaign, fakeTime, pass } from "../support.js";
import { bound, SETTLEMENT } from "./support.js";
import type { World } from "./world.js";

fakeTime();

const PAGE = gql`
  query Page($campaignId: ID!) {
    settlements(campaignId: $campaignId, first: 2) {
      nodes { id campaignId name version defense } pageInfo { hasNextPage }
    }
  }
`;
const DETAIL = gql`
  query Detail($id: ID!) { settlement(id: $id) { id campaignId name version defense } }
`;

/** The server answers every request with an error until the returned function is called. */
function refusing(world: World, code: string): () => void {
  const answer = world.answer.bind(world);
  world.answer = async (_source, variables, name = "") => {
    world.requests.push({ name, variables });
    const errors = [{ message: `Refused: ${code}`, extensions: { code } }];
    return { data: { settlement: null }, errors } as unknown as ExecutionResult;
  };
  return () => {
    world.answer = answer;
  };
}

// req: T17
describe("an answer that does not contain what was out of date", () => {
  it("leaves it out of date: it is read when somebody wants to see it", async () => {
    const { server, world, show } = await bound();
    (await show(DETAIL, { id: "s-002" })).hide();
    const page = await show(PAGE, { campaignId: CAMPAIGN });
    world.defense.set("s-002", 40);
    // The answer is ahead of the event that explains why the settlement is not in it.
    const created = world.settlement(CAMPAIGN, "s-000");
    const { id: settlementId, campaignId, version } = created;
    const entities = [{ entityType: "settlement" as const, entityId: "s-002" }];
    server.publish("state_invalidated", { campaignId, scope: "entity", entities });
    await pass(100);
    server.publish("settlement_updated", {
      settlementId,
      campaignId,
      version,
      operation: "create",
      changedFields: [],
      settlementData: { ...created },
    });
    await pass(1000);
    expect(page.now()["settlements"]).toMatchObject({ nodes: [{ id: "s-000" }, { id: "s-001" }] });
    const detail = await show(DETAIL, { id: "s-002" });
    expect(detail.now()["settlement"]).toMatchObject({ defense: 40 });
    expect(world.asked("Detail")).toBe(2);
  });

  it("does not either where the cache leads from one query to the entity of another", async () => {
    const cache = new InMemoryCache({
      typePolicies: {
        Query: {
          fields: {
            settlement: {
              read: (known, { args, toReference }) =>
                known === undefined ? toReference({ __typename: "Settlement", id: args?.["id"] }) : known,
            },
          },
        },
      },
    });
    const { server, fanfare, world, show } = await bound({ cache });
    await show(PAGE, { campaignId: CAMPAIGN });
    world.settlement(CAMPAIGN, "s-000");
    world.changeSilently("s-002", { name: "Missed" });
    server.invalidate(campaign, "unverified");
    await pass(1000);
    const detail = await show(DETAIL, { id: "s-002" });
    expect(detail.now()["settlement"]).toMatchObject({ name: "Missed" });
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
  });

  it("has another query read that shows it, and the room is stale until then", async () => {
    const { server, fanfare, world, show } = await bound();
    await show(PAGE, { campaignId: CAMPAIGN });
    const { settlement } = (await show(DETAIL, { id: "s-002" })).now() as { settlement: { name: string } };
    expect(settlement.name).toBe("Settlement s-002");
    world.settlement(CAMPAIGN, "s-000");
    world.changeSilently("s-002", { name: "Missed" });
    server.invalidate(campaign, "unverified");
    await pass(1000);
    expect((await show(DETAIL, { id: "s-002" })).now()).toMatchObject({ settlement: { name: "Missed" } });
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
  });
});

describe("an error that passes", () => {
  it("is no refusal: the screen keeps what it shows, and it is read when the server can answer", async () => {
    for (const code of ["UNAVAILABLE", "INTERNAL", "RATE_LIMITED"]) {
      const { server, fanfare, world, show } = await bound();
      const page = await show(SETTLEMENT, { id: "s-001" });
      const answerAgain = refusing(world, code);
      world.changeSilently("s-001", { name: "Missed" });
      server.invalidate(campaign, "unverified");
      await pass(2000);
      expect(page.now()["settlement"]).toMatchObject({ name: "Settlement s-001" });
      expect(page.query.getCurrentResult().error).toBeUndefined();
      expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
      answerAgain();
      await pass(10_000);
      expect(page.now()["settlement"]).toMatchObject({ name: "Missed" });
      expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
    }
  });
});
