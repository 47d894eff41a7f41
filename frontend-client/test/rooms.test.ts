import { describe, expect, it, vi } from "vitest";
import type { Freshness } from "../src/index.js";
import {
  CAMPAIGN,
  campaign,
  fakeTime,
  pass,
  recorder,
  settle,
  settled,
  settlement,
  setup,
} from "./support.js";

fakeTime();

describe("a subscription", () => {
  it("is ready when the room is joined, and then has every event", async () => {
    const { server, fanfare } = setup();
    server.publish("settlement_updated", settled(1));
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    expect(room.position).toBeNull();
    await room.ready;
    expect(room.position).toEqual({ epoch: "epoch-1", offset: 1 });
    server.publish("settlement_updated", settled(2));
    server.publish("settlement_updated", settled(3));
    await settle();
    expect(seen).toEqual([2, 3]);
    expect(room.position).toEqual({ epoch: "epoch-1", offset: 3 });
  });

  it("calls the handler for the event's type, and `on` once for an event in several rooms", async () => {
    const { server, fanfare } = setup();
    const onSettlementUpdated = vi.fn();
    const onWorldTimeChanged = vi.fn();
    const on = vi.fn();
    fanfare.on("settlement_updated", on);
    fanfare.subscribe(campaign, { onSettlementUpdated, onWorldTimeChanged });
    fanfare.subscribe(settlement, { onSettlementUpdated });
    await settle();
    server.publish("settlement_updated", settled(7));
    await settle();
    expect(onSettlementUpdated).toHaveBeenCalledTimes(2);
    expect(onWorldTimeChanged).not.toHaveBeenCalled();
    expect(on).toHaveBeenCalledTimes(1);
    expect(on.mock.calls[0]?.[0].payload.version).toBe(7);
  });

  it("uses one connection and one join for many uses of one room", async () => {
    const { server, fanfare } = setup();
    const uses = [fanfare.subscribe(campaign), fanfare.subscribe(campaign), fanfare.subscribe(settlement)];
    await Promise.all(uses.map((use) => use.ready));
    expect(server.connectionCount).toBe(1);
    const joins = server.received.filter(({ command }) => command === "subscribe_many");
    expect(joins.map(({ payload }) => payload["rooms"])).toEqual([
      [{ room: campaign }, { room: settlement }],
    ]);
  });

  // req: T16
  it("costs no round trip when a component unmounts and mounts again, and misses nothing", async () => {
    const { server, fanfare } = setup();
    const first = recorder();
    const use = fanfare.subscribe(campaign, first.handlers);
    await use.ready;
    const before = server.received.length;
    use.unsubscribe();
    server.publish("settlement_updated", settled(1));
    await settle();
    const second = recorder();
    await fanfare.subscribe(campaign, second.handlers).ready;
    server.publish("settlement_updated", settled(2));
    await pass(5000);
    expect(server.received.length).toBe(before);
    expect(first.seen).toEqual([]);
    expect(second.seen).toEqual([1, 2]);
  });

  it("leaves the room after its last use, and continues from there when it comes back", async () => {
    const { server, fanfare } = setup();
    const use = fanfare.subscribe(campaign);
    await use.ready;
    use.unsubscribe();
    await pass(1500);
    expect(server.subscribersOf(campaign)).toBe(0);
    server.publish("settlement_updated", settled(1));
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    expect(seen).toEqual([1]);
    const fresh = recorder();
    fanfare.subscribe(settlement, { ...fresh.handlers, position: null });
    await settle();
    expect(fresh.seen).toEqual([]);
  });

  it("leaves nothing behind after 10,000 uses", async () => {
    const { server, fanfare } = setup();
    fanfare.connect();
    await settle();
    const timers = vi.getTimerCount();
    const room = (number: number) => `${settlement.slice(0, -2)}${10 + number}`;
    for (let use = 0; use < 10_000; use += 1) {
      fanfare.subscribe(room(use % 50), { onEvent: () => {} }).unsubscribe();
    }
    await pass(3000);
    expect(server.received.filter(({ command }) => command === "subscribe_many").length).toBeLessThan(5);
    expect(server.subscribersOf(room(7))).toBe(0);
    expect(vi.getTimerCount()).toBe(timers);
    expect(fanfare.freshness(room(7)).getSnapshot()).toBe("stale");
  });

  it("leaves a room nobody uses before it has gathered too many events", async () => {
    const { server, fanfare } = setup({ lingerMs: 60_000 });
    const use = fanfare.subscribe(campaign);
    await use.ready;
    use.unsubscribe();
    for (let version = 1; version <= 101; version += 1) {
      server.publish("settlement_updated", settled(version));
    }
    await settle();
    expect(server.subscribersOf(campaign)).toBe(0);
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    expect(seen).toHaveLength(101);
  });

  it("continues from a position that the application kept", async () => {
    const { server, fanfare } = setup();
    for (const version of [1, 2, 3]) {
      server.publish("settlement_updated", settled(version));
    }
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, { ...handlers, position: { epoch: "epoch-1", offset: 1 } }).ready;
    expect(seen).toEqual([2, 3]);
  });

  it("has a use read whose position the others have left behind, and only that one", async () => {
    const { server, fanfare } = setup();
    server.publish("settlement_updated", settled(1));
    const first = recorder();
    await fanfare.subscribe(campaign, first.handlers).ready;
    server.publish("settlement_updated", settled(2));
    await settle();
    const at = (offset: number) => ({ position: { epoch: "epoch-1", offset } });
    const behind = recorder();
    const abreast = recorder();
    const ended = recorder();
    await fanfare.subscribe(campaign, { ...behind.handlers, ...at(1) }).ready;
    await fanfare.subscribe(campaign, { ...abreast.handlers, ...at(2) }).ready;
    fanfare.subscribe(campaign, { ...ended.handlers, ...at(1) }).unsubscribe();
    server.publish("settlement_updated", settled(3));
    await settle();
    expect([first.seen, behind.seen, abreast.seen, ended.seen]).toEqual([
      [2, 3],
      ["not_recovered", 3],
      [3],
      [],
    ]);
  });

  it("is told once when it comes to a room that is stale, whatever its position", async () => {
    const { server, fanfare } = setup();
    await fanfare.subscribe(campaign).ready;
    server.publish("settlement_updated", settled(1));
    server.invalidate(campaign, "unverified");
    await settle();
    const { seen, handlers } = recorder();
    fanfare.subscribe(campaign, { ...handlers, position: { epoch: "epoch-1", offset: 0 } });
    await settle();
    expect(seen).toEqual(["unverified"]);
  });

  it("continues where the room was left even after a visit without a connection", async () => {
    const { server, fanfare } = setup();
    const first = fanfare.subscribe(campaign);
    await first.ready;
    first.unsubscribe();
    await pass(2000);
    fanfare.disconnect();
    server.publish("settlement_updated", settled(1));
    const second = fanfare.subscribe(campaign);
    expect(second.position).toEqual({ epoch: "epoch-1", offset: 0 });
    second.unsubscribe();
    await pass(2000);
    fanfare.connect();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    await settle();
    expect(seen).toEqual([1]);
  });

  it.each([
    ["declared, but not read", true],
    ["not declared yet", false],
  ])("is told of the hole that was there when the room was left: %s", async (_, isDeclared) => {
    const { server, fanfare } = setup();
    const first = fanfare.subscribe(campaign);
    await first.ready;
    server.refuse("subscribe_many", isDeclared ? null : { code: "unavailable" });
    server.invalidate(campaign, "unverified");
    await settle();
    first.unsubscribe();
    await pass(2000);
    server.refuse("subscribe_many", null);
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    await settle();
    expect([seen, room.freshness]).toEqual([["unverified"], "live"]);
  });

  it("hears nothing more once another handler has ended it", async () => {
    const { server, fanfare } = setup();
    const later = recorder();
    const first = fanfare.subscribe(campaign, { onEvent: () => second.unsubscribe() });
    const second = fanfare.subscribe(campaign, later.handlers);
    await first.ready;
    server.publish("settlement_updated", settled(1));
    await settle();
    expect(later.seen).toEqual([]);
  });

  it("goes on for the others when one handler throws, and reports it", async () => {
    const { server, fanfare, errors } = setup();
    const { seen, handlers } = recorder();
    fanfare.subscribe(campaign, {
      onEvent: () => {
        throw new Error("mine");
      },
    });
    await fanfare.subscribe(campaign, handlers).ready;
    server.publish("settlement_updated", settled(1));
    await settle();
    expect(seen).toEqual([1]);
    expect(errors.map(({ code, message }) => [code, message])).toEqual([["handler_failed", "mine"]]);
  });

  it("goes on when the one who is told of errors throws as well", async () => {
    const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
    const onError = vi.fn(() => {
      throw new Error("the monitoring's");
    });
    const { server, fanfare } = setup({ onError });
    const { seen, handlers } = recorder();
    fanfare.subscribe(campaign, {
      onEvent: () => {
        throw new Error("mine");
      },
    });
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    server.cut();
    server.publish("settlement_updated", settled(1));
    await pass(2000);
    server.publish("settlement_updated", settled(2));
    await settle();
    expect([seen, room.freshness]).toEqual([[1, 2], "live"]);
    expect(onError).toHaveBeenCalledTimes(2);
    expect(complaint).toHaveBeenCalledTimes(2);
    complaint.mockRestore();
  });
});

describe("recovery", () => {
  // req: T16
  it("brings exactly what was missed after a cut, in the order of the campaign", async () => {
    const { server, fanfare } = setup();
    const order: number[] = [];
    fanfare.on("settlement_updated", (event) => order.push(event.payload.version));
    const inSettlement = recorder();
    const inCampaign = recorder();
    fanfare.subscribe(settlement, inSettlement.handlers);
    await fanfare.subscribe(campaign, inCampaign.handlers).ready;
    server.cut();
    const other = "0193a5b2-0000-7000-8000-0000000000ff";
    server.publish("settlement_updated", settled(1, other));
    server.publish("settlement_updated", settled(2));
    server.publish("settlement_updated", settled(3, other));
    server.publish("settlement_updated", settled(4));
    await pass(2000);
    expect(inCampaign.seen).toEqual([1, 2, 3, 4]);
    expect(inSettlement.seen).toEqual([2, 4]);
    expect(order).toEqual([1, 2, 3, 4]);
    const joins = server.received.filter(({ command }) => command === "subscribe_many");
    expect(joins).toHaveLength(2);
  });

  it("says so once when it is impossible, after joining anew", async () => {
    const { server, fanfare } = setup({}, { recoveryLimit: 2 });
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    server.cut();
    for (const version of [1, 2, 3]) {
      server.publish("settlement_updated", settled(version));
    }
    await pass(2000);
    expect(seen).toEqual(["not_recovered"]);
    expect(room.position?.offset).toBe(3);
    server.publish("settlement_updated", settled(4));
    await settle();
    expect(seen).toEqual(["not_recovered", 4]);
  });

  it("does not trust offsets of another epoch", async () => {
    const { server, fanfare } = setup();
    server.publish("settlement_updated", settled(1));
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    server.restore("epoch-2");
    server.publish("settlement_updated", settled(1));
    server.publish("settlement_updated", settled(2));
    await settle();
    expect(seen).toEqual(["not_recovered"]);
    expect(room.position).toEqual({ epoch: "epoch-2", offset: 2 });
  });

  it("asks for what is missing when an event comes too early; live events wait", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    server.commit("settlement_updated", settled(1));
    server.network.latencyMs = 10;
    server.publish("settlement_updated", settled(2));
    await pass(15);
    expect([seen, room.freshness]).toEqual([[], "catching_up"]);
    server.publish("settlement_updated", settled(3));
    await pass(100);
    expect([seen, room.freshness]).toEqual([[1, 2, 3], "live"]);
    expect(fanfare.counters().gaps).toBe(1);
  });

  it("finds a lost last event by the heads", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    server.commit("settlement_updated", settled(1));
    await pass(15_100);
    expect(seen).toEqual([1]);
  });

  it("drops what it has had already", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    server.network.disturb = (message) => [message, message];
    server.publish("settlement_updated", settled(1));
    server.publish("settlement_updated", settled(2));
    await settle();
    expect(seen).toEqual([1, 2]);
    expect(fanfare.counters().duplicates).toBe(2);
  });

  it("ends with the client when a handler closes it", async () => {
    const { server, fanfare } = setup();
    const onStale = vi.fn();
    fanfare.onStale(onStale);
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, {
      onEvent: (event) => {
        handlers.onEvent(event);
        fanfare.close();
      },
    }).ready;
    server.cut();
    server.publish("settlement_updated", settled(1));
    server.publish("settlement_updated", settled(2));
    await pass(2000);
    expect(seen).toEqual([1]);
    expect(onStale).not.toHaveBeenCalled();
  });

  it("does not believe a recovery with a hole", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    server.cut();
    for (const version of [1, 2, 3]) {
      server.publish("settlement_updated", settled(version));
    }
    const honest = server.log.since.bind(server.log);
    server.log.since = (...args) => honest(...args)?.filter((_, index) => index !== 1) ?? null;
    await pass(2000);
    expect(seen).toEqual([1, "gap_not_closed"]);
    expect(room.position?.offset).toBe(3);
  });

  // req: T22
  it("starts over instead of asking forever when a gap cannot be closed", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    const [event] = server.commit("settlement_updated", settled(1));
    server.say("settlement_updated", { ...event, id: "lie", offsets: { [campaign]: 1000 } });
    await pass(30_000);
    expect(seen).toEqual([1, "gap_not_closed"]);
    expect(room.freshness).toBe("live");
    const asked = server.received.filter(({ command }) => command === "subscribe_many").length;
    await pass(60_000);
    expect(server.received.filter(({ command }) => command === "subscribe_many").length).toBe(asked);
    expect(asked).toBeLessThan(10);
  });

  it("joins again a room that the server does not count it in", async () => {
    const { server, fanfare } = setup();
    await fanfare.subscribe(campaign).ready;
    fanfare.subscribe(settlement);
    await settle();
    server.say("heads", { epoch: "epoch-1", rooms: { [campaign]: 0 } });
    await pass(100);
    const last = server.received.filter(({ command }) => command === "subscribe_many").at(-1);
    expect(last?.payload["rooms"]).toEqual([{ room: settlement, position: { epoch: "epoch-1", offset: 0 } }]);
  });
});

describe("freshness", () => {
  const watch = (read: () => Freshness) => {
    const seen: Freshness[] = [read()];
    return { seen, look: () => read() !== seen.at(-1) && seen.push(read()) };
  };

  it("goes from catching up to live, and back while the connection is away", async () => {
    const { server, fanfare } = setup();
    const store = fanfare.freshness(campaign);
    const { seen, look } = watch(store.getSnapshot);
    store.subscribe(look);
    await fanfare.subscribe(campaign).ready;
    server.cut();
    await pass(2000);
    fanfare.disconnect();
    expect(seen).toEqual(["stale", "catching_up", "live", "catching_up", "live", "stale"]);
  });

  it("stays stale until the state has been read again", async () => {
    const { server, fanfare } = setup();
    let done = () => {};
    const onStale = vi.fn(() => new Promise<void>((resolve) => (done = resolve)));
    const room = fanfare.subscribe(campaign, { onStale });
    await room.ready;
    server.invalidate(campaign, "unverified");
    await settle();
    expect(onStale).toHaveBeenCalledExactlyOnceWith(campaign, "unverified");
    expect(room.freshness).toBe("stale");
    done();
    await settle();
    expect(room.freshness).toBe("live");
  });

  it("stays stale when reading failed or nobody reads, until someone says otherwise", async () => {
    const { server, fanfare, errors } = setup();
    const room = fanfare.subscribe(campaign, { onStale: () => Promise.reject(new Error("offline")) });
    const silent = fanfare.subscribe(settlement);
    await room.ready;
    server.invalidate(campaign, "epoch_changed");
    server.invalidate(settlement, "epoch_changed");
    await pass(60_000);
    expect([room.freshness, silent.freshness]).toEqual(["stale", "stale"]);
    expect(errors.map(({ message }) => message)).toEqual(["offline"]);
    fanfare.markFresh(campaign);
    expect(room.freshness).toBe("live");
  });

  it("tells a use that comes later that the state has to be read", async () => {
    const { server, fanfare } = setup();
    await fanfare.subscribe(campaign).ready;
    server.invalidate(campaign, "unverified");
    await settle();
    const { seen, handlers } = recorder();
    const later = fanfare.subscribe(campaign, handlers);
    await settle();
    expect(seen).toEqual(["unverified"]);
    expect(later.freshness).toBe("live");
  });

  it("waits for the listeners for all rooms that promise to read", async () => {
    const { server, fanfare } = setup();
    let done = () => {};
    fanfare.onStale(() => new Promise<void>((resolve) => (done = resolve)));
    fanfare.onStale(() => "noted");
    const room = fanfare.subscribe(campaign);
    await room.ready;
    server.invalidate(campaign, "unverified");
    await settle();
    expect(room.freshness).toBe("stale");
    done();
    await settle();
    expect(room.freshness).toBe("live");
  });
});

describe("refusals", () => {
  it("rejects `ready` with the server's code and does not ask again", async () => {
    const { server, fanfare } = setup();
    server.refuse(campaign, { code: "not_found" });
    const onError = vi.fn();
    const room = fanfare.subscribe(campaign, { onError });
    await expect(room.ready).rejects.toMatchObject({ code: "not_found", room: campaign });
    expect(onError).toHaveBeenCalledTimes(1);
    await pass(120_000);
    expect(server.received.filter(({ command }) => command === "subscribe_many")).toHaveLength(1);
    expect(room.freshness).toBe("stale");
  });

  // req: T07
  it("waits as long as the server says when there were too many", async () => {
    const { server, fanfare } = setup();
    server.refuse("subscribe_many", { code: "rate_limited", retryAfterMs: 5000 });
    const onError = vi.fn();
    const room = fanfare.subscribe(campaign, { onError });
    await pass(4000);
    expect(server.received.filter(({ command }) => command === "subscribe_many")).toHaveLength(1);
    server.refuse("subscribe_many", null);
    await pass(1500);
    await room.ready;
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "rate_limited" }));
  });

  // req: T22
  it("asks ever more slowly for a room that cannot be had now", async () => {
    const { server, fanfare } = setup();
    server.refuse(campaign, { code: "unavailable" });
    fanfare.subscribe(campaign);
    await pass(600_000);
    const asked = server.received.filter(({ command }) => command === "subscribe_many").length;
    expect(asked).toBeGreaterThan(10);
    expect(asked).toBeLessThan(50);
  });

  it("says when the user was taken out of a room, and hands out nothing more of it", async () => {
    const { server, fanfare } = setup();
    const onRemoved = vi.fn();
    const all = vi.fn();
    fanfare.onRemoved(all);
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, { ...handlers, onRemoved });
    await room.ready;
    server.remove(campaign);
    const [event] = server.commit("settlement_updated", settled(1));
    server.say("settlement_updated", event);
    await settle();
    expect(onRemoved).toHaveBeenCalledExactlyOnceWith(campaign, "membership_revoked");
    expect(all).toHaveBeenCalledExactlyOnceWith(campaign, "membership_revoked");
    expect([seen, room.freshness, room.position]).toEqual([[], "stale", null]);
  });

  it("says so when the removal is only found out on coming back", async () => {
    const { server, fanfare } = setup();
    const onRemoved = vi.fn();
    await fanfare.subscribe(campaign, { onRemoved }).ready;
    server.cut();
    server.refuse(campaign, { code: "not_found" });
    await pass(2000);
    expect(onRemoved).toHaveBeenCalledExactlyOnceWith(campaign, "not_found");
  });

  it("says so as well when the removal happened while nobody used the room", async () => {
    const { server, fanfare } = setup();
    const all = vi.fn();
    fanfare.onRemoved(all);
    const before = fanfare.subscribe(campaign);
    await before.ready;
    before.unsubscribe();
    await pass(2000);
    server.refuse(campaign, { code: "not_found" });
    const onRemoved = vi.fn();
    const room = fanfare.subscribe(campaign, { onRemoved });
    await expect(room.ready).rejects.toMatchObject({ code: "not_found" });
    expect(onRemoved).toHaveBeenCalledExactlyOnceWith(campaign, "not_found");
    expect(all).toHaveBeenCalledExactlyOnceWith(campaign, "not_found");
    server.cut();
    await pass(2000);
    expect(all).toHaveBeenCalledTimes(1);
  });

  it.each([
    ["taken away", true],
    ["refused at first", false],
  ])("has the state read when a room that was %s is given back", async (_, wasIn) => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    if (!wasIn) {
      server.refuse(campaign, { code: "not_found" });
    }
    const room = fanfare.subscribe(campaign, handlers);
    await settle();
    server.remove(campaign);
    server.publish("settlement_updated", settled(1));
    await settle();
    server.refuse(campaign, null);
    server.cut();
    await pass(2000);
    server.publish("settlement_updated", settled(2));
    await settle();
    expect([seen, room.freshness]).toEqual([["not_recovered", 2], "live"]);
  });

  it("does not hold an earlier refusal against who asks again", async () => {
    const { server, fanfare } = setup();
    server.refuse(campaign, { code: "not_found" });
    const refused = fanfare.subscribe(campaign);
    await expect(refused.ready).rejects.toMatchObject({ code: "not_found" });
    refused.unsubscribe();
    server.refuse(campaign, null);
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    expect([seen, room.freshness]).toEqual([[], "live"]);
  });

  it("has a membership change twice, as two events, in the campaign's and the member's room", async () => {
    const { server, fanfare } = setup();
    const on = vi.fn();
    fanfare.on("membership_changed", on);
    fanfare.subscribe(campaign);
    fanfare.subscribe("user:tomas");
    await settle();
    server.publish("membership_changed", { campaignId: CAMPAIGN, userId: "tomas", role: "GM" });
    await settle();
    expect(new Set(on.mock.calls.map(([event]) => event.id)).size).toBe(2);
  });

  it("lets no malformed name speak for the rooms that were asked for with it", async () => {
    const { server, fanfare } = setup();
    const onRemoved = vi.fn();
    const onError = vi.fn();
    fanfare.onRemoved(onRemoved);
    const others = Array.from({ length: 6 }, (_, n) => fanfare.subscribe(`${campaign.slice(0, -1)}${n + 2}`));
    await others[0]?.ready;
    const malformed = fanfare.subscribe("campaign:undefined", { onError });
    await expect(malformed.ready).rejects.toMatchObject({ code: "bad_request" });
    server.cut();
    server.received.splice(0);
    await pass(2000);
    expect(onRemoved).not.toHaveBeenCalled();
    expect(others.map(({ freshness }) => freshness)).toEqual(others.map(() => "live"));
    expect(server.received.filter(({ command }) => command === "subscribe_many")).toHaveLength(5);
    expect(onError.mock.calls.map(([error]) => error.code)).toEqual(["bad_request", "bad_request"]);
  });

  it("does not hold a malformed name against the room that is left of its request", async () => {
    const { server, fanfare } = setup({ lingerMs: 0 });
    fanfare.connect();
    await settle();
    server.network.latencyMs = 100;
    const room = fanfare.subscribe(campaign);
    const malformed = fanfare.subscribe("campaign:undefined");
    await pass(50);
    malformed.unsubscribe();
    await pass(1000);
    expect(room.freshness).toBe("live");
  });

  it("leaves `ready` open when the subscription is ended first", async () => {
    const { server, fanfare } = setup();
    const settled = vi.fn();
    const room = fanfare.subscribe(campaign);
    room.ready.then(settled, settled);
    room.unsubscribe();
    room.unsubscribe();
    server.refuse(campaign, { code: "not_found" });
    await pass(5000);
    expect(settled).not.toHaveBeenCalled();
  });
});
