import fc from "fast-check";
import { expect, it } from "vitest";
import type { FakeServer, Message } from "../src/testing/index.js";
import { Reader } from "./reader.js";
import { campaign, fakeTime, pass, SETTLEMENT, settle, settled, settlement, setup } from "./support.js";

fakeTime();

/** What happens to a client, one thing after another. */
type Step =
  | { readonly do: "publish"; readonly elsewhere: boolean }
  | { readonly do: "lose" }
  | { readonly do: "cut" }
  | { readonly do: "unreachable" }
  | { readonly do: "reachable" }
  | { readonly do: "stall" }
  | { readonly do: "disturb"; readonly how: "twice" | "never" | "late" | "well" }
  | { readonly do: "trim"; readonly keep: number }
  | { readonly do: "restore" }
  | { readonly do: "invalidate" }
  | { readonly do: "refuse"; readonly code: "rate_limited" | "unavailable" }
  | { readonly do: "permit" }
  | { readonly do: "remount" }
  | { readonly do: "latency"; readonly ms: number }
  | { readonly do: "pass"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ do: fc.constant("publish" as const), elsewhere: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 4000 }) }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ do: "lose" }) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: "cut" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>({ do: "unreachable" }, { do: "reachable" }, { do: "stall" }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("disturb" as const),
      how: fc.constantFrom("twice" as const, "never" as const, "late" as const, "well" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("trim" as const), keep: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: "restore" }, { do: "invalidate" }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("refuse" as const),
      code: fc.constantFrom("rate_limited" as const, "unavailable" as const),
    }),
  },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ do: "permit" }, { do: "remount" }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("latency" as const), ms: fc.integer({ min: 0, max: 300 }) }),
  },
);

/** Applies the network's mischief to events only: answers and notices of the server itself stay whole. */
function mischief(how: Extract<Step, { do: "disturb" }>["how"]): FakeServer["network"]["disturb"] {
  let late: Message | null = null;
  return (message) => {
    if (message.name !== "settlement_updated" || how === "well") {
      return [message];
    }
    if (how === "twice") {
      return [message, message];
    }
    if (how === "never") {
      return [];
    }
    const before = late;
    late = before ? null : message;
    return before ? [message, before] : [];
  };
}

async function take(step: Step, server: FakeServer, version: number, readers: Reader[]): Promise<void> {
  const other = SETTLEMENT.replace("2", "3");
  switch (step.do) {
    case "publish":
      server.publish("settlement_updated", settled(version, step.elsewhere ? other : SETTLEMENT));
      await settle();
      return;
    case "lose":
      server.commit("settlement_updated", settled(version));
      return;
    case "cut":
      return server.cut();
    case "unreachable":
      server.refuseConnections = "unreachable";
      return;
    case "reachable":
      server.refuseConnections = null;
      return;
    case "stall":
      return server.stall();
    case "disturb":
      server.network.disturb = mischief(step.how);
      return;
    case "trim":
      return server.log.trim(campaign, step.keep);
    case "restore":
      return server.restore();
    case "invalidate":
      return server.invalidate(campaign, "unverified");
    case "refuse":
      return server.refuse("subscribe_many", { code: step.code, retryAfterMs: 700 });
    case "permit":
      return server.refuse("subscribe_many", null);
    case "remount":
      for (const reader of readers) {
        reader.remount();
      }
      return;
    case "latency":
      server.network.latencyMs = step.ms;
      return;
    case "pass":
      await pass(step.ms);
      return;
  }
}

// Invariants I3, I4, I6 and I7 of the design, as one client sees them.
it("hands out the log without a hole, or says that there is one, and arrives at the head", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const { server, fanfare } = setup({}, { recoveryLimit: 20 });
      const readers = [new Reader(fanfare, campaign), new Reader(fanfare, settlement)];
      const ids: string[] = [];
      fanfare.on("settlement_updated", ({ id }) => ids.push(id));
      await Promise.all(readers.map((reader) => reader.begin()));
      let version = 0;
      for (const each of steps) {
        version += 1;
        await take(each, server, version, readers);
      }
      server.refuseConnections = null;
      server.network.disturb = null;
      server.network.latencyMs = 0;
      server.refuse("subscribe_many", null);
      fanfare.retry();
      await pass(120_000);
      const { epoch } = server.log;
      expect(readers.flatMap(({ mistakes }) => mistakes)).toEqual([]);
      expect(readers.map(({ at }) => at)).toEqual([
        { epoch, offset: server.log.head(campaign) },
        { epoch, offset: server.log.head(settlement) },
      ]);
      expect(readers.map(({ use }) => use.freshness)).toEqual(["live", "live"]);
      expect(new Set(ids).size).toBe(ids.length);
      fanfare.close();
    }),
    { numRuns: Number(process.env["RUNS"] ?? 150) },
  );
});
