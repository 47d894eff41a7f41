import { FanfareError } from "@fanfare/client";
import { describe, expect, it } from "vitest";
import { type Entry, Journal } from "../src/live/journal.js";
import { summaryOf } from "../src/live/summary.js";
import { campaign, eventAt, SETTLEMENT } from "./support.js";

const TEN = Date.parse("2026-11-20T10:00:00.000Z");
const atOnce = (callback: () => void) => callback();
const UP = { status: "connected", lastError: null } as const;
const lost = (message: string) =>
  ({ status: "reconnecting", lastError: new FanfareError("connection_lost", message) }) as const;
const texts = (journal: Journal) => journal.entries.getSnapshot().map(textOf);
const textOf = (entry: Entry) => (entry.kind === "mark" ? `[${entry.tone}] ${entry.text}` : entry.summary);

// req: T19
describe("the journal", () => {
  it("keeps events newest first, with place and latency by the server's clock", () => {
    const journal = new Journal(() => TEN + 5_250, atOnce);
    journal.skewMs = -5_000;
    journal.event(eventAt(1), "live", "first", "Ada");
    journal.event(eventAt(2), "live", "second", "Ada");
    expect(texts(journal)).toEqual(["second", "first"]);
    expect(journal.entries.getSnapshot()[0]).toMatchObject({
      places: [
        { room: campaign, offset: 2 },
        { room: `settlement:${SETTLEMENT}`, offset: 7 },
      ],
      arrival: "live",
      latencyMs: 250,
      by: "Ada",
    });
  });

  it("never shows a latency below zero, whatever the clocks say", () => {
    const journal = new Journal(() => TEN - 1_000, atOnce);
    journal.event(eventAt(1), "live", "early", "Ada");
    expect(journal.entries.getSnapshot()[0]).toMatchObject({ latencyMs: 0 });
  });

  it("marks a loss once, and what was recovered after it", () => {
    const journal = new Journal(Date.now, atOnce);
    journal.connection({ status: "connecting", lastError: null });
    journal.connection(UP);
    journal.caughtUp();
    expect(texts(journal)).toEqual([]);
    journal.connection(lost("Cut."));
    journal.connection(lost("Still cut."));
    journal.connection(UP);
    journal.event(eventAt(1), "recovered", "one", "Ada");
    journal.event(eventAt(2), "recovered", "two", "Ada");
    journal.caughtUp();
    journal.caughtUp();
    expect(texts(journal)).toEqual([
      "[good] Connected again: caught up with 2 missed events.",
      "two",
      "one",
      "[bad] Cut.",
    ]);
    journal.connection(lost("Again."));
    journal.connection(UP);
    journal.caughtUp();
    expect(texts(journal)[0]).toBe("[good] Connected again: nothing was missed.");
  });

  it("says that the state was read again instead of claiming a recovery", () => {
    const journal = new Journal(Date.now, atOnce);
    journal.connection(UP);
    journal.connection(lost("Cut."));
    journal.connection(UP);
    journal.stale("history_trimmed");
    journal.caughtUp();
    expect(texts(journal)).toEqual([
      "[neutral] The log no longer holds what was missed. The state was read again.",
      "[bad] Cut.",
    ]);
  });

  it("shows a burst once, however many events it has", () => {
    const frames: (() => void)[] = [];
    const waits: number[] = [];
    let now = TEN;
    const journal = new Journal(
      () => now,
      (callback, waitMs) => {
        frames.push(callback);
        waits.push(waitMs);
      },
    );
    let updates = 0;
    journal.entries.subscribe(() => {
      updates += 1;
    });
    for (let offset = 1; offset <= 1000; offset += 1) {
      journal.event(eventAt(offset), "live", String(offset), "Ada");
    }
    expect([frames.length, updates]).toEqual([1, 0]);
    frames.shift()?.();
    expect([updates, texts(journal)[0], texts(journal).length]).toEqual([1, "1000", 100]);
    now += 30;
    journal.event(eventAt(1001), "live", "1001", "Ada");
    expect(waits).toEqual([0, 70]);
    frames.shift()?.();
    expect(texts(journal).slice(0, 2)).toEqual(["1001", "1000"]);
  });

  it("keeps no more than 100 entries", () => {
    const journal = new Journal(Date.now, atOnce);
    for (let offset = 1; offset <= 250; offset += 1) {
      journal.event(eventAt(offset), "live", String(offset), "Ada");
    }
    expect(texts(journal)).toHaveLength(100);
    expect(texts(journal)[0]).toBe("250");
  });
});

describe("an event in one line", () => {
  const names = (id: string) => ({ [SETTLEMENT]: "Hollowford", dan: "Dan" })[id];
  const settlement = eventAt(1).payload as Record<string, unknown>;
  const line = (type: string, payload: object) =>
    summaryOf(eventAt(1, { type, payload } as Parameters<typeof eventAt>[1]), names);

  it.each([
    ["Hollowford: population = 500", "settlement_updated", settlement],
    [
      "Hollowford: population, variables",
      "settlement_updated",
      { ...settlement, changedFields: ["population", "variables"], settlementData: undefined },
    ],
    [
      "Hollowford was deleted",
      "settlement_updated",
      { ...settlement, operation: "delete", settlementData: undefined },
    ],
    [
      "Old Mill was created",
      "structure_updated",
      { operation: "create", structureData: { name: "Old Mill" } },
    ],
    [
      "Old Mill: completes at = 10 April 1372, 08:00",
      "structure_updated",
      {
        operation: "update",
        changedFields: ["completesAt"],
        structureData: { name: "Old Mill", completesAt: "1372-04-10T08:00:00.000Z" },
      },
    ],
    [
      "The dragon: mood = bad",
      "entity_updated",
      { entityType: "dragon", operation: "update", changedFields: ["mood"], entityData: { mood: "bad" } },
    ],
    ["World time is 10 April 1372, 08:00", "world_time_changed", { newTime: "1372-04-10T08:00:00.000Z" }],
    [
      "Recompute defense, prosperity of Hollowford, 2 more",
      "state_invalidated",
      { scope: "entity", entityIds: [SETTLEMENT, "x", "y"], fields: ["defense", "prosperity"] },
    ],
    ["Recompute computed values of everything", "state_invalidated", { scope: "campaign" }],
    ["Dan is Game master", "membership_changed", { userId: "dan", role: "GM" }],
    ["eve was removed", "membership_changed", { userId: "eve", role: null }],
  ])("%s", (expected, type, payload) => {
    expect(line(type, payload)).toBe(expected);
  });
});
