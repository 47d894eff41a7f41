// @vitest-environment jsdom
import { render, renderHook, screen } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import {
  createWorldTimeStore,
  fromClock,
  timeUntil,
  useWorldClock,
  type WorldClock,
  type WorldTimeOptions,
  worldDate,
} from "../../src/zustand/index.js";
import { during, elapse, reactTests } from "../react/support.js";
import { CAMPAIGN, campaign, fakeTime, settle, setup } from "../support.js";

fakeTime();
reactTests();

const MORNING = "1372-03-01T08:00:00.000Z";
const NOON = "1372-03-01T12:00:00.000Z";
const reading = (worldTime: string, version: number) => ({ id: CAMPAIGN, worldTime, version });
const moved = (previousTime: string, newTime: string, version: number) => ({
  campaignId: CAMPAIGN,
  previousTime,
  newTime,
  version,
  elapsed: { value: 4, unit: "HOURS" as const },
});

async function clocks(options?: WorldTimeOptions) {
  const { server, fanfare } = setup({}, { headsIntervalMs: 0 });
  const store = createWorldTimeStore(fanfare, options);
  await fanfare.subscribe(campaign).ready;
  return { server, fanfare, store, clock: () => store.getState().clocks[CAMPAIGN] };
}

// req: T18
describe("the store", () => {
  it("follows world_time_changed", async () => {
    const { server, store, clock } = await clocks();
    store.getState().seen(reading(MORNING, 1));
    expect(clock()).toMatchObject({
      worldTime: MORNING,
      previousTime: null,
      elapsed: null,
      date: { hour: 8 },
    });
    server.publish("world_time_changed", moved(MORNING, NOON, 2));
    await settle();
    expect(clock()).toMatchObject({
      worldTime: NOON,
      version: 2,
      previousTime: MORNING,
      elapsed: { value: 4, unit: "HOURS" },
      date: { year: 1372, month: 3, day: 1, hour: 12, minute: 0, season: "spring" },
    });
  });

  it("ignores what is older than what it has, and what is no time", async () => {
    const { server, store, clock } = await clocks();
    server.publish("world_time_changed", moved(MORNING, NOON, 5));
    await settle();
    store.getState().seen(reading(MORNING, 4));
    store.getState().seen(reading("soon", 6));
    expect(clock()).toMatchObject({ worldTime: NOON, version: 5 });
  });

  it("learns of a version that left the clock alone, without telling of a move", async () => {
    const { server, store, clock } = await clocks();
    server.publish("world_time_changed", moved(MORNING, NOON, 2));
    await settle();
    const { date } = clock() as WorldClock;
    server.publish("entity_updated", {
      entityType: "campaign",
      entityId: CAMPAIGN,
      campaignId: CAMPAIGN,
      operation: "update",
      version: 3,
      changedFields: ["name"],
      entityData: { worldTime: NOON, name: "Winter" },
    });
    await settle();
    expect(clock()).toMatchObject({ version: 3, previousTime: MORNING });
    expect(clock()?.date).toBe(date);
    const before = store.getState();
    store.getState().seen(reading(NOON, 3));
    expect(store.getState()).toBe(before);
  });

  it("says that a clock is stale until it has been read again, and the room with it", async () => {
    const read = vi.fn(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return reading(NOON, 7);
    });
    const { server, fanfare, store, clock } = await clocks({ read });
    store.getState().seen(reading(MORNING, 1));
    server.invalidate(campaign, "unverified");
    await settle();
    expect(clock()?.isStale).toBe(true);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
    await elapse(100);
    expect(clock()).toMatchObject({ isStale: false, worldTime: NOON, version: 7 });
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
    expect(read.mock.calls).toEqual([[CAMPAIGN]]);
  });

  it("does not declare a room fresh that it cannot read", async () => {
    const { server, fanfare, store, clock } = await clocks();
    store.getState().seen(reading(MORNING, 1));
    server.invalidate(campaign, "unverified");
    await elapse(1000);
    expect(clock()?.isStale).toBe(true);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
    store.getState().seen(reading(MORNING, 1));
    expect(clock()?.isStale).toBe(false);
  });

  it("forgets a campaign that the user has lost, or that is no more", async () => {
    const { server, store, clock } = await clocks();
    store.getState().seen(reading(MORNING, 1));
    server.remove(campaign);
    await settle();
    expect(clock()).toBeUndefined();
  });

  it("does not bring back a lost campaign by what was being read of it", async () => {
    const read = async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return reading(NOON, 7);
    };
    const { server, store, clock } = await clocks({ read });
    store.getState().seen(reading(MORNING, 1));
    server.invalidate(campaign, "unverified");
    await settle();
    server.remove(campaign);
    await elapse(500);
    expect(clock()).toBeUndefined();
  });

  it("stands still once it is unbound", async () => {
    const { server, store, clock } = await clocks();
    store.getState().seen(reading(MORNING, 1));
    store.unbind();
    server.publish("world_time_changed", moved(MORNING, NOON, 2));
    await settle();
    expect(clock()).toMatchObject({ worldTime: MORNING });
  });
});

// req: T18
describe("what is computed from a clock", () => {
  it("is computed once for each move, and told only when it differs", async () => {
    const { server, store } = await clocks();
    const compute = vi.fn((clock: WorldClock | null) => clock?.date.season ?? null);
    const season = fromClock(store, CAMPAIGN, compute);
    const listener = vi.fn();
    const end = season.subscribe(listener);
    store.getState().seen(reading(MORNING, 1));
    server.publish("world_time_changed", moved(MORNING, NOON, 2));
    server.publish("world_time_changed", moved(NOON, "1372-06-01T00:00:00.000Z", 3));
    await settle();
    expect(season.getSnapshot()).toBe("summer");
    expect(season.getSnapshot()).toBe("summer");
    expect(compute).toHaveBeenCalledTimes(4);
    expect(listener).toHaveBeenCalledTimes(2);
    end();
    store.getState().seen(reading("1372-12-01T00:00:00.000Z", 4));
    expect(listener).toHaveBeenCalledTimes(2);
  });

  it("renders a component again only when it differs", async () => {
    const { server, store } = await clocks();
    const season = (clock: WorldClock | null) => clock?.date.season ?? "unknown";
    let renders = 0;
    const Season = () => {
      renders += 1;
      return <p>{useWorldClock(store, CAMPAIGN, season)}</p>;
    };
    render(<Season />);
    expect(screen.getByText("unknown")).toBeTruthy();
    await during(() => server.publish("world_time_changed", moved(MORNING, MORNING, 2)));
    expect(screen.getByText("spring")).toBeTruthy();
    await during(() => server.publish("world_time_changed", moved(MORNING, NOON, 3)));
    expect(renders).toBe(2);
    const { result } = renderHook(() => useWorldClock(store, CAMPAIGN));
    expect(result.current?.date.hour).toBe(12);
  });

  it("is as new as the clock where it is the clock itself, and not computed again by a version alone", async () => {
    const { store } = await clocks();
    store.getState().seen(reading(NOON, 1));
    const compute = vi.fn((clock: WorldClock | null) => clock?.date.hour);
    const hour = renderHook(() => useWorldClock(store, CAMPAIGN, compute));
    const whole = renderHook(() => useWorldClock(store, CAMPAIGN));
    await during(() => store.getState().seen(reading(NOON, 7)));
    expect(whole.result.current).toBe(store.getState().clocks[CAMPAIGN]);
    expect(whole.result.current?.version).toBe(7);
    expect(hour.result.current).toBe(12);
    expect(compute).toHaveBeenCalledTimes(1);
  });
});

describe("the calendar", () => {
  it.each([
    ["1372-02-29T23:59:59.999Z", { month: 2, day: 29, dayOfYear: 60, season: "winter" }],
    ["1372-03-01T00:00:00.000Z", { month: 3, day: 1, dayOfYear: 61, season: "spring" }],
    ["1372-12-31T00:00:00.000Z", { dayOfYear: 366, season: "winter" }],
    ["0044-08-31T00:00:00.000Z", { year: 44, season: "summer" }],
    ["-000044-11-30T12:30:00.000Z", { year: -44, hour: 12, minute: 30, season: "autumn" }],
  ])("reads %s", (text, parts) => {
    expect(worldDate(text)).toMatchObject(parts);
  });

  it("says what is left", () => {
    expect(timeUntil("1372-03-03T10:30:00.000Z", MORNING)).toMatchObject({
      days: 2,
      hours: 2,
      minutes: 30,
      isOver: false,
    });
    expect(timeUntil(MORNING, NOON)).toEqual({ ms: 0, days: 0, hours: 0, minutes: 0, isOver: true });
    expect(timeUntil(null, NOON).isOver).toBe(true);
    expect(worldDate("never")).toBeNull();
  });
});
