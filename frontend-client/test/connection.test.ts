import { describe, expect, it, vi } from "vitest";
import { fakeToken } from "../src/testing/index.js";
import { campaign, fakeTime, pass, recorder, settle, settled, setup } from "./support.js";

fakeTime();

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

describe("the connection", () => {
  // req: T14 N34 D11
  it("goes through its states, with everything that a badge shows", async () => {
    const { server, fanfare } = setup();
    const states: string[] = [];
    fanfare.connection.subscribe(() => states.push(fanfare.connection.getSnapshot().status));
    expect(fanfare.connection.getSnapshot()).toMatchObject({ status: "disconnected", attempt: 0 });
    server.network.latencyMs = 20;
    fanfare.connect();
    await pass(100);
    expect(fanfare.connection.getSnapshot()).toMatchObject({
      status: "connected",
      attempt: 0,
      nextRetryAt: null,
      lastError: null,
      transport: "socket",
      sharing: "alone",
      userId: "mira",
      connectionId: expect.any(String),
      rttMs: expect.closeTo(40, 0),
    });
    server.refuseConnections = "unreachable";
    server.cut();
    expect(fanfare.connection.getSnapshot()).toMatchObject({
      status: "reconnecting",
      nextRetryAt: Date.now() + 500,
      lastError: expect.objectContaining({ code: "connection_lost" }),
      transport: null,
    });
    server.refuseConnections = null;
    await pass(1000);
    fanfare.disconnect();
    expect([...new Set(states)]).toEqual(["connecting", "connected", "reconnecting", "disconnected"]);
    expect(server.connectionCount).toBe(0);
  });

  it("does nothing before it is needed, and gives the same snapshot until something changes", async () => {
    const { server, fanfare } = setup();
    await pass(60_000);
    expect(server.tokens).toEqual([]);
    expect(fanfare.connection.getSnapshot()).toBe(fanfare.connection.getSnapshot());
  });

  it("stays away after `disconnect`, and rooms continue where they were after `connect`", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    fanfare.disconnect();
    fanfare.subscribe(campaign);
    server.publish("settlement_updated", settled(1));
    await pass(60_000);
    expect(server.connectionCount).toBe(0);
    fanfare.connect();
    await settle();
    expect(seen).toEqual([1]);
  });

  // req: T23 N25 D08
  it("waits with full jitter over delays that double up to the server's limit", async () => {
    const reconnect = { minMs: 100, maxMs: 800, jitter: true, maxAttempts: 6 };
    const { server, fanfare, world } = setup({}, { reconnect });
    fanfare.connect();
    await settle();
    const waits: number[] = [];
    fanfare.connection.subscribe(() => {
      const { nextRetryAt } = fanfare.connection.getSnapshot();
      if (nextRetryAt !== null) {
        waits.push(nextRetryAt - Date.now());
      }
    });
    world.random = () => 0.5;
    server.refuseConnections = "unreachable";
    server.cut();
    await pass(2000);
    expect(waits.slice(0, 6)).toEqual([50, 50, 100, 200, 400, 400]);
  });

  // req: T22 T26 D08
  it("shows a failure after the server's number of attempts, and goes on slowly", async () => {
    const { server, fanfare } = setup();
    server.refuseConnections = "unreachable";
    fanfare.connect();
    await pass(150_000);
    expect(fanfare.connection.getSnapshot()).toMatchObject({
      status: "failed",
      lastError: expect.objectContaining({ code: "connection_lost" }),
    });
    const before = server.tokens.length;
    await pass(480_000);
    const more = server.tokens.length - before;
    expect(more).toBeGreaterThanOrEqual(9);
    expect(more).toBeLessThanOrEqual(11);
    server.refuseConnections = null;
    await pass(60_000);
    expect(fanfare.connection.getSnapshot().status).toBe("connected");
  });

  it("waits longer and longer for a server that greets and drops it", async () => {
    const { server, fanfare } = setup();
    let greetings = 0;
    fanfare.connection.subscribe(() => {
      const isUp = fanfare.connection.getSnapshot().status === "connected" && server.connectionCount > 0;
      if (isUp && greetings < server.tokens.length) {
        greetings = server.tokens.length;
        setTimeout(() => server.cut(), 10);
      }
    });
    fanfare.connect();
    await pass(60_000);
    expect(greetings).toBeGreaterThan(4);
    expect(greetings).toBeLessThan(10);
  });

  it("follows no policy that would have it come back without a pause", async () => {
    const { server, fanfare } = setup(
      {},
      { reconnect: { minMs: 0, maxMs: 0, jitter: true, maxAttempts: 10 } },
    );
    fanfare.connect();
    await settle();
    server.refuseConnections = "unreachable";
    server.cut();
    await pass(1000);
    expect(server.tokens.length).toBeLessThan(5);
  });

  // req: T12
  it.each(["online", "visible"] as const)("tries at once when the page is %s again", async (reason) => {
    const { server, fanfare, world } = setup();
    server.refuseConnections = "unreachable";
    fanfare.connect();
    await pass(150_000);
    server.refuseConnections = null;
    world.wake(reason);
    await settle();
    expect(fanfare.connection.getSnapshot()).toMatchObject({ status: "connected", attempt: 0 });
  });

  // req: T20
  it("finds within 30 seconds that a connection is up only in name", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    await pass(7000);
    server.stall();
    server.publish("settlement_updated", settled(1));
    await pass(30_000);
    expect(seen).toEqual([1]);
  });

  it("finds it just as well when the machine's clock was set back, and joins its rooms", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    await pass(7000);
    vi.setSystemTime(Date.now() - 3_600_000);
    server.stall();
    server.publish("settlement_updated", settled(1));
    await pass(30_000);
    expect(seen).toEqual([1]);
  });

  // req: T21
  it("finds out within seconds when the network has changed", async () => {
    const { server, fanfare, world } = setup();
    await fanfare.subscribe(campaign).ready;
    server.stall();
    world.wake("online");
    await pass(3600);
    expect(server.connectionCount).toBe(1);
    expect(fanfare.connection.getSnapshot()).toMatchObject({ status: "connected" });
    expect(server.tokens).toHaveLength(2);
  });

  it("leaves an instance that goes away when it is asked to, without an interruption", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    const states: string[] = [];
    fanfare.connection.subscribe(() => states.push(fanfare.connection.getSnapshot().status));
    server.drain(3000);
    await pass(2900);
    server.publish("settlement_updated", settled(1));
    await pass(10_000);
    server.publish("settlement_updated", settled(2));
    await settle();
    expect(seen).toEqual([1, 2]);
    expect([...new Set(states)]).toEqual(["connected"]);
    expect(server.connectionCount).toBe(1);
  });

  it("does not wait forever for a server that accepts and says nothing", async () => {
    const { server, fanfare } = setup();
    server.network.latencyMs = 3_600_000;
    fanfare.connect();
    await pass(15_100);
    expect(fanfare.connection.getSnapshot()).toMatchObject({
      status: "reconnecting",
      lastError: expect.objectContaining({ code: "timeout" }),
    });
  });

  it("fails visibly, without a loop, at a server of another protocol", async () => {
    const { server, fanfare } = setup({}, { protocol: 2 });
    fanfare.connect();
    await pass(20_000);
    const { status, lastError } = fanfare.connection.getSnapshot();
    expect([status, lastError?.code]).toEqual(["failed", "protocol_mismatch"]);
    expect(lastError?.message).toMatch(/speaks protocol 2, this client 1: load the page again/);
    expect(server.tokens).toHaveLength(1);
  });

  it("asks again who is in a room, however many listen and leave meanwhile", async () => {
    const { server, fanfare } = setup();
    server.presence(campaign, { joined: ["tomas"] });
    server.refuse("presence_subscribe", { code: "rate_limited" });
    fanfare.connect();
    await settle();
    const presence = fanfare.presence(campaign);
    const end = presence.subscribe(() => {});
    await settle();
    presence.subscribe(() => {});
    end();
    server.refuse("presence_subscribe", null);
    await pass(2100);
    expect(presence.getSnapshot()).toEqual(["tomas"]);
  });

  it("leaves no timer and no listener when it is closed", async () => {
    const { server, fanfare, world } = setup();
    const room = fanfare.subscribe(campaign);
    fanfare.presence(campaign).subscribe(() => {});
    await settle();
    server.refuseConnections = "unreachable";
    server.cut();
    const waiting = fanfare.send("ping");
    fanfare.close();
    await expect(waiting).rejects.toMatchObject({ code: "closed" });
    expect(vi.getTimerCount()).toBe(0);
    expect(world.listeners).toBe(0);
    expect(room.freshness).toBe("stale");
    expect(() => fanfare.subscribe(campaign)).toThrow(/make a new one with createFanfare/);
  });
});

// req: T22
describe("a client that is closed in the middle of things stays closed", () => {
  it("by `getToken`, as when a session has ended", async () => {
    let isSignedIn = true;
    let asked = 0;
    const { server, fanfare, errors } = setup({
      getToken: () => {
        asked += 1;
        if (!isSignedIn) {
          fanfare.close();
          throw new Error("Nobody is signed in.");
        }
        return fakeToken({ sub: "mira" });
      },
    });
    fanfare.connect();
    await settle();
    isSignedIn = false;
    server.cut();
    await pass(600_000);
    expect(fanfare.connection.getSnapshot().status).toBe("disconnected");
    expect([asked, errors, server.connectionCount, vi.getTimerCount()]).toEqual([2, [], 0, 0]);
  });

  it.each(["connecting", "connected", "reconnecting"])("by whoever is told that it is %s", async (status) => {
    const { server, fanfare, errors } = setup();
    fanfare.connection.subscribe(() => {
      if (fanfare.connection.getSnapshot().status === status) {
        fanfare.close();
      }
    });
    fanfare.connect();
    await settle();
    server.cut();
    await pass(600_000);
    expect(fanfare.connection.getSnapshot().status).toBe("disconnected");
    expect([errors, server.connectionCount, vi.getTimerCount()]).toEqual([[], 0, 0]);
  });
});

// req: T15
describe("tokens", () => {
  it("are fetched for each connection, once however many ask", async () => {
    const getToken = vi.fn(async () => fakeToken({ sub: "mira" }));
    const { server, fanfare } = setup({ getToken });
    fanfare.connect();
    fanfare.connect();
    await settle();
    expect(getToken.mock.calls).toEqual([[{ reason: "connect" }]]);
    server.cut();
    await pass(2000);
    expect(getToken).toHaveBeenCalledTimes(2);
  });

  it("are renewed over the socket before they end", async () => {
    const getToken = vi.fn(() => fakeToken({ sub: "mira", exp: inSeconds(300) }));
    const { server, fanfare } = setup({ getToken });
    fanfare.connect();
    await pass(239_000);
    expect(getToken).toHaveBeenCalledTimes(1);
    await pass(2000);
    expect(getToken.mock.calls.at(-1)).toEqual([{ reason: "refresh" }]);
    expect(server.received.filter(({ command }) => command === "refresh_token")).toHaveLength(1);
    await pass(600_000);
    expect(server.received.filter(({ command }) => command === "refresh_token")).toHaveLength(3);
    expect(server.tokens[0]).not.toBe(server.tokens[1]);
    expect(fanfare.connection.getSnapshot().status).toBe("connected");
  });

  it("are renewed when the server says that they end soon", async () => {
    const { server, fanfare } = setup({ getToken: () => "opaque" });
    fanfare.connect();
    await settle();
    server.say("token_expiring", { expiresAt: "2026-11-20T10:00:30.000Z" });
    server.say("token_expiring", { expiresAt: "2026-11-20T10:00:30.000Z" });
    await pass(1000);
    expect(server.received.filter(({ command }) => command === "refresh_token")).toHaveLength(1);
  });

  it("are renewed no more often when the machine's clock is set", async () => {
    let server = Date.now();
    const getToken = vi.fn(() => fakeToken({ sub: "mira", exp: Math.floor(server / 1000) + 300 }));
    const { fanfare } = setup({ getToken });
    fanfare.connect();
    await pass(1000);
    vi.setSystemTime(Date.now() + 3_600_000);
    for (let minutes = 0; minutes < 60; minutes += 1) {
      await pass(60_000);
      server += 60_000;
    }
    expect(getToken.mock.calls.length).toBeGreaterThan(13);
    expect(getToken.mock.calls.length).toBeLessThan(20);
  });

  it("are not asked for in a hurry when getToken has only one that ends soon", async () => {
    const exp = inSeconds(30);
    const getToken = vi.fn(() => fakeToken({ sub: "mira", exp }));
    const { fanfare } = setup({ getToken });
    fanfare.connect();
    await pass(60_000);
    expect(getToken.mock.calls.length).toBeLessThan(6);
  });

  it("are not asked for in a hurry by a machine whose clock is ahead and that polls", async () => {
    const getToken = vi.fn(() => fakeToken({ sub: "mira", exp: inSeconds(-300) }));
    const { fanfare } = setup({ getToken, transport: "polling" });
    fanfare.connect();
    await pass(60_000);
    expect(fanfare.connection.getSnapshot().status).toBe("connected");
    expect(getToken).toHaveBeenCalledTimes(1);
  });

  it("are asked for again while renewing fails", async () => {
    const getToken = vi.fn(() => fakeToken({ sub: "mira", exp: inSeconds(300) }));
    const { server, fanfare } = setup({ getToken });
    server.refuse("refresh_token", { code: "unavailable" });
    fanfare.connect();
    await pass(250_000);
    server.refuse("refresh_token", null);
    await pass(10_000);
    expect(server.tokens.length).toBe(2);
  });

  it("are asked for with the refusal of the last one; two refusals are a visible failure", async () => {
    const getToken = vi.fn(() => fakeToken({ sub: "mira" }));
    const { server, fanfare } = setup({ getToken });
    server.refuseConnections = "token_expired";
    fanfare.connect();
    await pass(1000);
    expect(getToken.mock.calls).toEqual([
      [{ reason: "connect" }],
      [{ reason: "connect", refused: "token_expired" }],
    ]);
    expect(fanfare.connection.getSnapshot()).toMatchObject({
      status: "failed",
      lastError: expect.objectContaining({ code: "token_expired" }),
    });
  });

  it.each([
    ["rejects", () => Promise.reject(new Error("signed out")), /getToken failed/],
    [
      "throws",
      () => {
        throw new Error("signed out");
      },
      /getToken failed/,
    ],
    ["gives nothing", () => undefined as unknown as string, /returned no token/],
    ["never answers", () => new Promise<string>(() => {}), /no token within 10 seconds/],
  ])("that cannot be had are a visible error: getToken %s", async (_, getToken, message) => {
    const { fanfare } = setup({ getToken });
    fanfare.connect();
    await pass(10_001);
    const { lastError } = fanfare.connection.getSnapshot();
    expect(lastError?.code).toBe("token_unavailable");
    expect(lastError?.message).toMatch(message);
  });
});

// req: P05
describe("commands", () => {
  it("wait for the connection, in order, each with a request id", async () => {
    const { server, fanfare } = setup();
    server.refuseConnections = "unreachable";
    const answers = [fanfare.send("ping", { n: 1 }), fanfare.send("ping", { n: 2 }, { requestId: "mine" })];
    await pass(2000);
    server.refuseConnections = null;
    await pass(10_000);
    await Promise.all(answers);
    const sent = server.received.filter(({ payload }) => "n" in payload).map(({ payload }) => payload);
    expect(sent).toEqual([
      { n: 1, requestId: expect.any(String) },
      { n: 2, requestId: "mine" },
    ]);
  });

  it("are sent once by their request id", async () => {
    const { server, fanfare } = setup();
    const answers = await Promise.all([
      fanfare.send("ping", {}, { requestId: "once" }),
      fanfare.send("ping", {}, { requestId: "once" }),
    ]);
    await fanfare.send("ping", {}, { requestId: "once" });
    expect(answers[0]).toBe(answers[1]);
    expect(server.received.filter(({ payload }) => payload["requestId"] === "once")).toHaveLength(1);
  });

  it("are repeated under the same id when the connection took the answer with it", async () => {
    const { server, fanfare } = setup();
    fanfare.connect();
    await settle();
    server.network.latencyMs = 10;
    const answer = fanfare.send("ping", {}, { requestId: "again" });
    await pass(15);
    server.cut();
    await pass(2000);
    await expect(answer).resolves.toMatchObject({ success: true });
    expect(server.received.filter(({ payload }) => payload["requestId"] === "again")).toHaveLength(2);
  });

  it("do not wait longer than their time to live", async () => {
    const { server, fanfare } = setup({ queue: { ttlMs: 5000 } });
    server.refuseConnections = "unreachable";
    const expired = expect(fanfare.send("ping", {}, { requestId: "late" })).rejects.toMatchObject({
      code: "command_expired",
    });
    await pass(5000);
    await expired;
    server.refuseConnections = null;
    await pass(30_000);
    expect(server.received.filter(({ payload }) => payload["requestId"] === "late")).toEqual([]);
    await expect(fanfare.send("ping", {}, { requestId: "late" })).resolves.toMatchObject({ success: true });
  });

  it("are bounded in number", async () => {
    const { server, fanfare } = setup({ queue: { limit: 2 } });
    server.refuseConnections = "unreachable";
    void fanfare.send("ping").catch(() => {});
    void fanfare.send("ping").catch(() => {});
    await expect(fanfare.send("ping")).rejects.toMatchObject({ code: "queue_full" });
  });

  it("give the server's refusal", async () => {
    const { server, fanfare } = setup();
    server.refuse("ping", { code: "rate_limited", retryAfterMs: 100 });
    await expect(fanfare.send("ping")).rejects.toMatchObject({ code: "rate_limited", retryAfterMs: 100 });
  });
});

describe("presence", () => {
  it("is followed as long as somebody listens, across reconnections", async () => {
    const { server, fanfare } = setup();
    server.presence(campaign, { joined: ["tomas"] });
    const store = fanfare.presence(campaign);
    const told = vi.fn();
    const ends = [store.subscribe(told), store.subscribe(() => {})];
    fanfare.connect();
    await settle();
    expect(store.getSnapshot()).toEqual(["tomas"]);
    server.presence(campaign, { joined: ["ada"] });
    await settle();
    expect(store.getSnapshot()).toEqual(["ada", "tomas"]);
    server.cut();
    server.presence(campaign, { left: ["tomas"] });
    await pass(2000);
    expect(store.getSnapshot()).toEqual(["ada"]);
    expect(store.getSnapshot()).toBe(store.getSnapshot());
    for (const end of ends) {
      end();
    }
    await pass(1500);
    expect(server.received.at(-1)).toMatchObject({
      command: "presence_unsubscribe",
      payload: { room: campaign },
    });
    expect(store.getSnapshot()).toEqual([]);
  });

  it("is nobody while the connection is given up", async () => {
    const { server, fanfare } = setup();
    server.presence(campaign, { joined: ["ada"] });
    const store = fanfare.presence(campaign);
    store.subscribe(() => {});
    fanfare.connect();
    await settle();
    fanfare.disconnect();
    expect(store.getSnapshot()).toEqual([]);
  });
});
