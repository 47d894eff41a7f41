import { gql } from "@apollo/client";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { CAMPAIGN, campaign, fakeTime, pass } from "../support.js";
import { bound, SETTLEMENT, SETTLEMENTS } from "./support.js";

fakeTime();

const OVERVIEW = gql`
  query Overview($id: ID!) {
    campaign(id: $id) {
      id worldTime version
      settlements(first: 3) {
        edges { cursor node { id name defense structures { nodes { id name } } } }
        pageInfo { hasNextPage startCursor endCursor }
      }
    }
  }
`;

const NAMES = gql`
  query Names($campaignId: ID!) { settlements(campaignId: $campaignId) { nodes { id name version } } }
`;

const BARE = gql`
  query Bare($id: ID!) { settlement(id: $id) { id level population version defense } }
`;

/** What can be on the screen: queries that select more and less of the same entities. */
const PAGES = [
  [OVERVIEW, { id: CAMPAIGN }],
  [SETTLEMENTS, { campaignId: CAMPAIGN }],
  [SETTLEMENTS, { campaignId: CAMPAIGN, first: 2 }],
  [SETTLEMENTS, { campaignId: CAMPAIGN, first: 2, after: "s-002" }],
  [NAMES, { campaignId: CAMPAIGN }],
  [SETTLEMENT, { id: "s-001" }],
  [SETTLEMENT, { id: "s-003" }],
  [BARE, { id: "s-002" }],
] as const;

const settlementId = fc.integer({ min: 1, max: 8 }).map((number) => `s-00${number}`);

const step = fc.oneof(
  fc.record({ do: fc.constant("create" as const), id: settlementId }),
  fc.record({ do: fc.constant("update" as const), id: settlementId, population: fc.nat(9) }),
  fc.record({ do: fc.constant("delete" as const), id: settlementId }),
  fc.record({ do: fc.constant("build" as const), id: settlementId }),
  fc.record({ do: fc.constant("defend" as const), id: settlementId, defense: fc.nat(9) }),
  fc.record({ do: fc.constant("advance" as const) }),
  fc.record({ do: fc.constant("refetch" as const), page: fc.nat(PAGES.length - 1) }),
  fc.record({ do: fc.constant("toggle" as const), page: fc.nat(PAGES.length - 1) }),
  fc.record({ do: fc.constant("lose" as const), lost: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ do: fc.constant("cut" as const) }),
  fc.record({ do: fc.constant("unverified" as const) }),
  fc.record({
    do: fc.constant("network" as const),
    answerMs: fc.constantFrom(0, 30, 300, 900),
    latencyMs: fc.constantFrom(0, 20, 200),
  }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(0, 5, 20, 120, 600) }),
);

// req: T17
it("whatever happens, and however late: in the end the screen shows what the server would answer", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  vi.spyOn(console, "warn").mockImplementation(() => {});
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { server, world, binding, apollo, show } = await bound();
      const here = new Set(["s-001", "s-002"]);
      const used = new Set(here);
      const shown = new Map<number, Awaited<ReturnType<typeof show>>>();
      let lost = 0;
      let buildings = 0;
      let day = 1;
      server.network.disturb = (message) => {
        lost -= 1;
        return lost >= 0 ? [] : [message];
      };
      for (const each of steps) {
        switch (each.do) {
          case "create":
            // An id is never used again.
            if (!used.has(each.id)) {
              used.add(each.id);
              here.add(each.id);
              world.createSettlement(CAMPAIGN, each.id);
            }
            break;
          case "update":
            if (here.has(each.id)) {
              world.updateSettlement(each.id, { population: each.population, name: `n${each.population}` });
            }
            break;
          case "delete":
            if (here.delete(each.id)) {
              world.deleteSettlement(each.id);
            }
            break;
          case "build":
            if (here.has(each.id)) {
              buildings += 1;
              world.createStructure(each.id, `t-${String(buildings).padStart(3, "0")}`);
            }
            break;
          case "defend":
            world.defense.set(each.id, each.defense);
            server.publish("state_invalidated", {
              campaignId: CAMPAIGN,
              scope: "entity",
              entities: [{ entityType: "settlement", entityId: each.id }],
              fields: ["defense"],
            });
            break;
          case "advance":
            day += 1;
            world.advance(CAMPAIGN, `1372-03-${String(day).padStart(2, "0")}T08:00:00.000Z`);
            break;
          case "refetch":
            shown
              .get(each.page)
              ?.query.refetch()
              .catch(() => {});
            break;
          case "toggle": {
            const page = shown.get(each.page);
            const [query, variables] = PAGES[each.page] ?? PAGES[0];
            page?.hide();
            if (!shown.delete(each.page)) {
              shown.set(each.page, await show(query, { ...variables }));
            }
            break;
          }
          case "lose":
            lost = each.lost;
            break;
          case "cut":
            server.cut();
            break;
          case "unverified":
            server.invalidate(campaign, "unverified");
            break;
          case "network":
            world.answerMs = each.answerMs;
            server.network.latencyMs = each.latencyMs;
            break;
          case "pass":
            await pass(each.ms);
        }
      }
      server.network.disturb = null;
      world.answerMs = 0;
      server.network.latencyMs = 0;
      await pass(40_000);
      server.sayHeads();
      await pass(5000);
      for (const [page, { now, query }] of shown) {
        const [document, variables] = PAGES[page] ?? PAGES[0];
        const answer = apollo.query({
          query: document,
          variables,
          fetchPolicy: "no-cache",
          errorPolicy: "all",
        });
        await pass(1);
        // What was refused stays refused until somebody asks again, and says so.
        if (query.getCurrentResult().error === undefined) {
          expect(now(), JSON.stringify(variables)).toEqual((await answer).data);
        }
      }
      for (const { hide } of shown.values()) {
        hide();
      }
      binding.unbind();
      apollo.stop();
    }),
    { numRuns: Number(process.env["FANFARE_PROPERTY_RUNS"] ?? 40) },
  );
}, 120_000);
