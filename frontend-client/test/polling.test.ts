import { describe, expect, it, vi } from "vitest";
import { DEFAULT_POLICY } from "../src/connection/backoff.js";
import { Connection } from "../src/connection/connection.js";
import { Tokens } from "../src/connection/tokens.js";
import { FakeServer, fakeToken } from "../src/testing/index.js";
import { pollingTransport } from "../src/transport/on-demand.js";
import { campaign, fakeTime, pass, recorder, settle, settled, settlement, setup, World } from "./support.js";

fakeTime();

// req: N04 N24 P06
describe("polling", () => {
  const polled = () => setup({ transport: "polling" });

  it("brings the same events, in order, a little later", async () => {
    const { server, fanfare } = polled();
    server.publish("settlement_updated", settled(1));
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    fanfare.subscribe(settlement);
    await pass(100);
    await room.ready;
    expect(room.position).toEqual({ epoch: "epoch-1", offset: 1 });
    for (const version of [2, 3, 4]) {
      server.publish("settlement_updated", settled(version));
    }
    await pass(3100);
    expect(seen).toEqual([2, 3, 4]);
    expect(room.freshness).toBe("live");
    expect(fanfare.connection.getSnapshot()).toMatchObject({
      status: "connected",
      transport: "polling",
      userId: "mira",
    });
  });

  it("reads on at once when there is more than one page", async () => {
    const { server, fanfare } = polled();
    const { seen, handlers } = recorder();
    fanfare.subscribe(campaign, handlers);
    await pass(100);
    for (let version = 1; version <= 700; version += 1) {
      server.publish("settlement_updated", settled(version));
    }
    await pass(3100);
    expect(seen).toHaveLength(700);
    expect(seen.at(-1)).toBe(700);
  });

  it("says when the log no longer holds what was missed", async () => {
    const { server, fanfare } = polled();
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await pass(100);
    for (const version of [1, 2, 3]) {
      server.publish("settlement_updated", settled(version));
    }
    server.log.trim(campaign, 1);
    await pass(3200);
    expect(seen).toEqual(["history_trimmed"]);
    expect(room.position?.offset).toBe(3);
    server.publish("settlement_updated", settled(4));
    await pass(3100);
    expect(seen).toEqual(["history_trimmed", 4]);
  });

  it("recovers from where it was after the server was away", async () => {
    const { server, fanfare } = polled();
    const { seen, handlers } = recorder();
    fanfare.subscribe(campaign, handlers);
    await pass(100);
    server.refuseConnections = "unreachable";
    server.publish("settlement_updated", settled(1));
    await pass(10_000);
    expect(fanfare.connection.getSnapshot().status).toBe("reconnecting");
    server.refuseConnections = null;
    await pass(20_000);
    expect(seen).toEqual([1]);
  });

  it("says when the room is no longer to be seen", async () => {
    const { server, fanfare } = polled();
    const removed: string[] = [];
    fanfare.subscribe(campaign, { onRemoved: (_, code) => removed.push(code) });
    await pass(100);
    server.refuse(campaign, { code: "not_found" });
    await pass(3100);
    expect(removed).toEqual(["membership_revoked"]);
  });

  it("gets a new token when the one in use is refused", async () => {
    const { server, fanfare } = polled();
    fanfare.subscribe(campaign);
    await pass(100);
    server.refuseConnections = "token_expired";
    await pass(3000);
    expect(fanfare.connection.getSnapshot().lastError?.code).toBe("token_expired");
    server.refuseConnections = null;
    await pass(5000);
    expect(fanfare.connection.getSnapshot().status).toBe("connected");
  });

  /** Loses one request to each of the addresses that are in the list. */
  const losing = (lose = () => new Response("<html>Bad gateway", { status: 502 })) => {
    const { server, world, fanfare } = polled();
    const lost: string[] = [];
    world.fetch = async (url, init) => {
      const at = lost.findIndex((part) => decodeURIComponent(url).includes(part));
      return at >= 0 && lost.splice(at, 1) ? lose() : server.fetch(url, init);
    };
    return { server, fanfare, lost };
  };

  it.each([
    ["a proxy answers instead", undefined],
    [
      "the network is gone",
      () => {
        throw new TypeError("fetch failed");
      },
    ],
  ])("asks again for a room when one request was lost: %s", async (_, lose) => {
    const { server, fanfare, lost } = losing(lose);
    lost.push(campaign);
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await pass(5000);
    expect([lost, room.freshness]).toEqual([[], "live"]);
    server.publish("settlement_updated", settled(1));
    await pass(5000);
    expect(seen).toEqual([1]);
  });

  it("asks again when the request that starts a room over was lost", async () => {
    const { server, fanfare, lost } = losing();
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await pass(100);
    server.publish("settlement_updated", settled(1));
    server.publish("settlement_updated", settled(2));
    server.log.trim(campaign, 1);
    lost.push("limit=0");
    await pass(10_000);
    server.publish("settlement_updated", settled(3));
    await pass(5000);
    expect([lost, seen, room.freshness]).toEqual([[], ["history_trimmed", 3], "live"]);
  });

  it("is not up with a token that opens nothing, and asks for another", async () => {
    const getToken = vi.fn(() => fakeToken({ sub: "mira" }));
    const { server, fanfare } = setup({ transport: "polling", getToken });
    server.refuseConnections = "token_revoked";
    const room = fanfare.subscribe(campaign);
    await pass(5000);
    expect(fanfare.connection.getSnapshot().status).toBe("failed");
    expect(getToken).toHaveBeenLastCalledWith({ reason: "connect", refused: "token_revoked" });
    server.refuseConnections = null;
    fanfare.retry();
    await pass(100);
    expect(room.freshness).toBe("live");
  });

  it("ends when its token is refused at a join", async () => {
    const { server, fanfare } = polled();
    fanfare.connect();
    await pass(100);
    server.refuseConnections = "token_expired";
    fanfare.subscribe(campaign);
    await pass(0);
    expect(fanfare.connection.getSnapshot()).toMatchObject({
      status: "reconnecting",
      lastError: { code: "token_expired" },
    });
  });

  it("no longer asks for a room that was left while its join was under way", async () => {
    const { server, fanfare } = setup({ transport: "polling", lingerMs: 0 });
    fanfare.connect();
    await pass(100);
    server.network.latencyMs = 200;
    const room = fanfare.subscribe(campaign);
    await pass(50);
    room.unsubscribe();
    await pass(1000);
    const before = server.received.length;
    await pass(60_000);
    expect(server.received.length).toBe(before);
  });

  it("keeps commands that need a socket until their time is over", async () => {
    const { fanfare } = setup({ transport: "polling", queue: { ttlMs: 1000 } });
    const answer = expect(fanfare.send("presence_subscribe", { room: campaign })).rejects.toMatchObject({
      code: "command_expired",
    });
    await pass(1100);
    await answer;
  });

  it("refuses an answer that is no part of a log", async () => {
    const { world, fanfare } = polled();
    const problems: string[] = [];
    world.fetch = async (url) =>
      url.endsWith("/healthz") ? new Response("ok") : Response.json({ hello: "world" });
    fanfare.subscribe(campaign, { onError: ({ code }) => problems.push(code) });
    await pass(60_000);
    expect(problems).toEqual(["bad_envelope"]);
    expect(fanfare.connection.getSnapshot().status).toBe("connected");
  });
});

// req: T25
describe("fallback", () => {
  it("polls while no socket can be opened, and returns to it without losing anything", async () => {
    const server = new FakeServer();
    const world = new World();
    world.fetch = server.fetch;
    const statuses: string[] = [];
    let blocked = true;
    const socket: typeof server.transport = {
      kind: "socket",
      open: (url, token, events) => {
        server.refuseConnections = blocked ? "unreachable" : null;
        const link = server.transport.open(url, token, events);
        server.refuseConnections = null;
        return link;
      },
    };
    let opened = 0;
    const connection = new Connection(
      {
        url: "http://fake.test",
        policy: DEFAULT_POLICY,
        tokens: new Tokens(() => fakeToken({ sub: "mira" })),
        transport: socket,
        otherTransport: pollingTransport(world, 3000),
        environment: world,
        report: () => {},
      },
      { opened: () => (opened += 1), message: () => {}, closed: () => statuses.push("closed") },
    );
    connection.start();
    await pass(10_000);
    expect(connection.state.getSnapshot()).toMatchObject({ status: "connected", transport: "polling" });
    await pass(60_000);
    expect(connection.state.getSnapshot().transport).toBe("polling");
    blocked = false;
    await pass(31_000);
    expect(connection.state.getSnapshot()).toMatchObject({ status: "connected", transport: "socket" });
    expect([opened, statuses]).toEqual([2, []]);
    connection.stop();
    await settle();
    expect(statuses).toEqual(["closed"]);
  });

  it("begins with the socket again when the network comes back", async () => {
    const server = new FakeServer();
    const world = new World();
    world.fetch = server.fetch;
    server.refuseConnections = "unreachable";
    const connection = new Connection(
      {
        url: "http://fake.test",
        policy: DEFAULT_POLICY,
        tokens: new Tokens(() => fakeToken({ sub: "mira" })),
        transport: server.transport,
        otherTransport: pollingTransport(world, 3000),
        environment: world,
        report: () => {},
      },
      { opened: () => {}, message: () => {}, closed: () => {} },
    );
    const transports = new Set<unknown>();
    connection.state.subscribe(() => transports.add(connection.state.getSnapshot().transport));
    connection.start();
    for (let attempts = 0; attempts < 3; attempts = connection.state.getSnapshot().attempt) {
      await pass(100);
    }
    // The next attempt would be polling's.
    server.refuseConnections = null;
    connection.wake();
    await settle();
    expect(connection.state.getSnapshot()).toMatchObject({ status: "connected", transport: "socket" });
    expect(transports).not.toContain("polling");
    connection.stop();
  });

  it("takes turns when neither works", async () => {
    const kinds: string[] = [];
    const unreachable = new FakeServer();
    unreachable.refuseConnections = "unreachable";
    const noting = (kind: "socket" | "polling") => ({
      kind,
      open: (...args: Parameters<typeof unreachable.transport.open>) => {
        kinds.push(kind);
        return unreachable.transport.open(...args);
      },
    });
    const connection = new Connection(
      {
        url: "http://fake.test",
        policy: DEFAULT_POLICY,
        tokens: new Tokens(() => "opaque"),
        transport: noting("socket"),
        otherTransport: noting("polling"),
        environment: new World(),
        report: () => {},
      },
      { opened: () => {}, message: () => {}, closed: () => {} },
    );
    connection.start();
    await pass(60_000);
    connection.stop();
    expect(kinds.slice(0, 7)).toEqual([
      "socket",
      "socket",
      "socket",
      "polling",
      "socket",
      "polling",
      "socket",
    ]);
  });
});
