import { gql } from "@apollo/client";
import { it, vi } from "vitest";
import { CAMPAIGN, fakeTime } from "../support.js";
import { bound, frame } from "./support.js";
fakeTime();
it("perf", async () => {
  const { world, show, cache } = await bound();
  for (let i = 10; i < 100; i++) world.settlement(CAMPAIGN, `s-0${i}`);
  await show(gql`query L($c: ID!) { settlements(campaignId: $c, first: 100) { nodes { id name population level version defense structures { nodes { id name } } } pageInfo { hasNextPage } } }`, { c: CAMPAIGN });
  for (let i = 10; i < 30; i++) await show(gql`query S($id: ID!) { settlement(id: $id) { id name population version } }`, { id: `s-0${i}` });
  const original = cache.batch.bind(cache); let spent = 0, n = 0, max = 0;
  vi.spyOn(cache, "batch").mockImplementation((o) => { const t = process.hrtime.bigint(); try { return original(o as never); } finally { const d = Number(process.hrtime.bigint() - t) / 1e6; spent += d; max = Math.max(max, d); n++; } });
  for (let f = 0; f < 60; f++) { for (let e = 0; e < 17; e++) world.updateSettlement(`s-0${10 + ((f * 17 + e) % 90)}`, { population: f * 100 + e }); await frame(); }
  console.log(`batches ${n}, spent ${spent.toFixed(0)} ms for 1020 events, max ${max.toFixed(1)} ms`);
}, 60000);
