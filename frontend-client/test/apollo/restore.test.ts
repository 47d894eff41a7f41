import { describe, expect, it } from "vitest";
import { CAMPAIGN, fakeTime, pass, settle } from "../support.js";
import { type Bound, bound, frame, SETTLEMENT, SETTLEMENTS } from "./support.js";

fakeTime();

/** The database is as it was before anything happened, and everybody comes back. */
async function restored({ server, world }: Bound): Promise<void> {
  world.settlement(CAMPAIGN, "s-001");
  world.settlement(CAMPAIGN, "s-002");
  server.restore();
  server.cut();
  await pass(5000);
}

// req: T17
describe("after a restored database", () => {
  it("shows what is in it, although the versions are older, and follows its changes", async () => {
    const scene = await bound();
    const { world, show } = scene;
    const page = await show(SETTLEMENT, { id: "s-001" });
    for (const population of [200, 300, 400]) {
      world.updateSettlement("s-001", { name: "Lost", population });
    }
    await frame();
    expect(page.now()["settlement"]).toMatchObject({ name: "Lost", version: 4 });
    await restored(scene);
    expect(page.now()["settlement"]).toMatchObject({
      name: "Settlement s-001",
      population: 100,
      version: 1,
    });
    world.updateSettlement("s-001", { level: 5 });
    await frame();
    expect(page.now()["settlement"]).toMatchObject({ level: 5, version: 2 });
  });

  it("does not believe an answer from before it", async () => {
    const scene = await bound();
    const { world, show } = scene;
    const page = await show(SETTLEMENT, { id: "s-001" });
    world.updateSettlement("s-001", { name: "Lost" });
    await frame();
    world.answerMs = 6000;
    const late = page.query.refetch();
    await settle();
    world.answerMs = 0;
    await restored(scene);
    await pass(5000);
    await late;
    await pass(1000);
    expect(page.now()["settlement"]).toMatchObject({ name: "Settlement s-001", version: 1 });
  });

  it("has back what was deleted after the backup", async () => {
    const scene = await bound();
    const { world, show } = scene;
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    world.deleteSettlement("s-001");
    await frame();
    await restored(scene);
    world.updateSettlement("s-001", { name: "Back" });
    await frame();
    expect(page.now()["settlements"]).toMatchObject({
      nodes: [{ id: "s-001", name: "Back" }, { id: "s-002" }],
    });
  });
});
