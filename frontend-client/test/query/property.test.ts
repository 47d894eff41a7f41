import { QueryClient, QueryObserver } from "@tanstack/react-query";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { EventPayloads } from "../../src/index.js";
import { bindQueryClient } from "../../src/query/index.js";
import { CAMPAIGN, campaign, fakeTime, pass, setup } from "../support.js";

fakeTime();

interface Settlement {
  readonly id: string;
  readonly campaignId: string;
  readonly population: number;
  readonly version: number;
  readonly defense: number;
}

/** What can be on the screen: the key of a query, and what is read for it. */
const PAGES: readonly [key: readonly string[], read: (all: readonly Settlement[]) => unknown][] = [
  [["settlements", CAMPAIGN], (all) => all.map(({ defense: _, ...settlement }) => settlement)],
  [["settlements", CAMPAIGN, "with defense"], (all) => all],
  [["settlement", "s1"], (all) => all.find(({ id }) => id === "s1") ?? null],
  [["settlement", "s3"], (all) => all.find(({ id }) => id === "s3") ?? null],
  [
    ["without campaign", "s2"],
    (all) => {
      const { campaignId: _, ...bare } = all.find(({ id }) => id === "s2") ?? {};
      return "id" in bare ? bare : null;
    },
  ],
  [
    ["page", CAMPAIGN],
    (all) => ({ nodes: all.slice(0, 2), pageInfo: { hasNextPage: all.length > 2 }, of: CAMPAIGN }),
  ],
];

const id = fc.constantFrom("s1", "s2", "s3", "s4", "s5");
const page = fc.nat(PAGES.length - 1);
const step = fc.oneof(
  fc.record({ do: fc.constant("create" as const), id }),
  fc.record({ do: fc.constant("update" as const), id, population: fc.nat(9), carried: fc.boolean() }),
  fc.record({ do: fc.constant("delete" as const), id }),
  fc.record({ do: fc.constant("defend" as const), id, defense: fc.nat(9) }),
  fc.record({ do: fc.constant("refetch" as const), page }),
  fc.record({ do: fc.constant("toggle" as const), page }),
  fc.record({ do: fc.constant("lose" as const), lost: fc.nat(3) }),
  fc.record({ do: fc.constant("cut" as const) }),
  fc.record({ do: fc.constant("unverified" as const) }),
  fc.record({ do: fc.constant("answers" as const), ms: fc.constantFrom(0, 30, 300, 900) }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(0, 5, 20, 120, 600) }),
);

// req: T17
it("whatever happens, and however late: in the end the screen shows what the server would answer", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { server, fanfare } = setup({}, { headsIntervalMs: 0 });
      const client = new QueryClient({ defaultOptions: { queries: { staleTime: 3_600_000, retry: false } } });
      const binding = bindQueryClient(fanfare, client, [
        {
          typeName: "Settlement",
          kind: "settlement",
          lists: ({ campaignId }) => [
            ["settlements", campaignId],
            ["page", campaignId],
          ],
          computed: ["defense"],
        },
      ]);
      binding.sync(campaign);
      const all = new Map<string, Settlement>();
      const used = new Set<string>();
      const sorted = () => [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      let answerMs = 0;
      let lost = 0;
      server.network.disturb = (message) => {
        lost -= 1;
        return lost >= 0 ? [] : [message];
      };
      const publish = (settlement: Settlement, change: Partial<EventPayloads["settlement_updated"]>) =>
        server.publish("settlement_updated", {
          settlementId: settlement.id,
          campaignId: CAMPAIGN,
          operation: "update",
          version: settlement.version,
          changedFields: [],
          ...change,
        });
      const carried = ({ defense: _, ...settlement }: Settlement) => ({ settlementData: { ...settlement } });
      const observe = (number: number) => {
        const [key, read] = PAGES[number] ?? [[], () => null];
        const queryFn = async () => {
          const answer = read(sorted());
          await new Promise((resolve) => setTimeout(resolve, answerMs));
          return answer;
        };
        return new QueryObserver(client, { queryKey: key, queryFn }).subscribe(() => {});
      };
      const shown = new Map<number, () => void>();
      for (const each of steps) {
        switch (each.do) {
          case "create":
            if (!used.has(each.id)) {
              used.add(each.id);
              const settlement = { id: each.id, campaignId: CAMPAIGN, population: 1, version: 1, defense: 1 };
              all.set(each.id, settlement);
              publish(settlement, { operation: "create", ...carried(settlement) });
            }
            break;
          case "update": {
            const known = all.get(each.id);
            if (known) {
              const settlement = { ...known, population: each.population, version: known.version + 1 };
              all.set(each.id, settlement);
              publish(settlement, {
                changedFields: ["population"],
                ...(each.carried && carried(settlement)),
              });
            }
            break;
          }
          case "delete": {
            const known = all.get(each.id);
            if (known) {
              all.delete(each.id);
              publish({ ...known, version: known.version + 1 }, { operation: "delete" });
            }
            break;
          }
          case "defend": {
            const known = all.get(each.id);
            if (known) {
              all.set(each.id, { ...known, defense: each.defense });
              server.publish("state_invalidated", {
                campaignId: CAMPAIGN,
                scope: "entity",
                entities: [{ entityType: "settlement", entityId: each.id }],
              });
            }
            break;
          }
          case "refetch":
            void client.refetchQueries({ queryKey: PAGES[each.page]?.[0] ?? [], exact: true });
            break;
          case "toggle": {
            const hide = shown.get(each.page);
            hide?.();
            if (!shown.delete(each.page)) {
              shown.set(each.page, observe(each.page));
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
          case "answers":
            answerMs = each.ms;
            break;
          case "pass":
            await pass(each.ms);
        }
      }
      server.network.disturb = null;
      answerMs = 0;
      await pass(40_000);
      server.sayHeads();
      await pass(5000);
      for (const number of shown.keys()) {
        const [key, read] = PAGES[number] ?? [[], () => null];
        expect(client.getQueryData(key), key.join(" ")).toEqual(read(sorted()));
      }
      for (const hide of shown.values()) {
        hide();
      }
      binding.unbind();
      client.clear();
      fanfare.close();
    }),
    { numRuns: Number(process.env["FANFARE_PROPERTY_RUNS"] ?? 60) },
  );
}, 120_000);
