import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { createFanfareIn } from "../src/create.js";
import { type Fanfare, type FanfareOptions, PROTOCOL_VERSION } from "../src/index.js";
import { FakeBrowser, FakeServer, type FakeTab, fakeToken } from "../src/testing/index.js";
import { Reader } from "./reader.js";
import { campaign, fakeTime, pass, recorder, settle, settled, settlement, World } from "./support.js";

fakeTime();

interface Tab {
  readonly tab: FakeTab;
  readonly fanfare: Fanfare;
  readonly world: World;
}

function open(
  browser: FakeBrowser,
  server: FakeServer,
  options: Partial<FanfareOptions> = {},
  surroundings: Partial<World> = {},
): Tab {
  const tab = browser.open();
  const world = Object.assign(new World(), { locks: tab.locks, openChannel: tab.openChannel }, surroundings);
  const fanfare = createFanfareIn(world, {
    url: "http://fake.test",
    getToken: () => fakeToken({ sub: "mira" }),
    transport: server.transport,
    ...options,
  });
  return { tab, fanfare, world };
}

const sharing = (tabs: readonly Tab[]) => tabs.map(({ fanfare }) => fanfare.connection.getSnapshot().sharing);

// req: T21
describe("tabs of one user", () => {
  it("use one connection, and every one of them has every event", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const tabs = Array.from({ length: 20 }, () => open(browser, server));
    const records = tabs.map(({ fanfare }) => {
      const { seen, handlers } = recorder();
      fanfare.subscribe(campaign, handlers);
      return seen;
    });
    await pass(100);
    server.publish("settlement_updated", settled(1));
    await settle();
    expect(server.connectionCount).toBe(1);
    expect(server.tokens).toHaveLength(1);
    expect(records).toEqual(tabs.map(() => [1]));
    expect(sharing(tabs).filter((role) => role === "leader")).toHaveLength(1);
    expect(tabs.map(({ fanfare }) => fanfare.connection.getSnapshot().status)).toEqual(
      tabs.map(() => "connected"),
    );
  });

  it("pass nothing on as long as there is nobody to pass it on to", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const posted = vi.spyOn(browser, "post");
    const alone = open(browser, server);
    const { seen, handlers } = recorder();
    alone.fanfare.subscribe(campaign, handlers);
    await pass(100);
    posted.mockClear();
    server.publish("settlement_updated", settled(1));
    await settle();
    expect(posted).not.toHaveBeenCalled();
    const second = open(browser, server);
    second.fanfare.subscribe(campaign);
    await pass(100);
    posted.mockClear();
    server.publish("settlement_updated", settled(2));
    await settle();
    expect(posted).toHaveBeenCalledTimes(1);
    second.fanfare.close();
    await settle();
    posted.mockClear();
    server.publish("settlement_updated", settled(3));
    await settle();
    expect(posted).not.toHaveBeenCalled();
    expect(seen).toEqual([1, 2, 3]);
  });

  it("go on within a second when the tab with the connection crashes, and miss nothing", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const tabs = [open(browser, server), open(browser, server), open(browser, server)];
    const { seen, handlers } = recorder();
    for (const { fanfare } of tabs.slice(0, 2)) {
      fanfare.subscribe(campaign);
    }
    tabs[2]?.fanfare.subscribe(campaign, handlers);
    await pass(100);
    expect(sharing(tabs)[0]).toBe("leader");
    tabs[0]?.tab.crash();
    server.cut();
    server.publish("settlement_updated", settled(1));
    await pass(900);
    tabs[0]?.fanfare.close();
    server.publish("settlement_updated", settled(2));
    await settle();
    expect(seen).toEqual([1, 2]);
    expect(server.connectionCount).toBe(1);
  });

  it("go on when the tab with the connection is closed", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const tabs = [open(browser, server), open(browser, server)];
    const { seen, handlers } = recorder();
    const statuses: string[] = [];
    const last = tabs[1]?.fanfare as Fanfare;
    tabs[0]?.fanfare.subscribe(campaign);
    last.subscribe(campaign, handlers);
    await pass(100);
    last.connection.subscribe(() => statuses.push(last.connection.getSnapshot().status));
    tabs[0]?.world.leave();
    server.publish("settlement_updated", settled(1));
    await pass(500);
    expect(seen).toEqual([1]);
    expect([...new Set(statuses)]).toEqual(["reconnecting", "connected"]);
    expect(sharing(tabs)[1]).toBe("leader");
  });

  it("take over from a tab that hangs, which then follows", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const tabs = [open(browser, server), open(browser, server)];
    const { seen, handlers } = recorder();
    tabs[0]?.fanfare.subscribe(campaign, recorder().handlers);
    tabs[1]?.fanfare.subscribe(campaign, handlers);
    await pass(100);
    const [first] = tabs;
    if (first) {
      first.tab.hangs = true;
    }
    server.publish("settlement_updated", settled(1));
    await pass(20_000);
    expect(seen).toEqual([1]);
    if (first) {
      first.tab.hangs = false;
    }
    await pass(20_000);
    expect(sharing(tabs)).toEqual(["follower", "leader"]);
    expect(tabs.map(({ fanfare }) => fanfare.connection.getSnapshot().status)).toEqual([
      "connected",
      "connected",
    ]);
    expect(server.connectionCount).toBe(1);
  });

  it("stay in a room until the last of them leaves it, in whatever way it goes", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const [a, b, c] = [open(browser, server), open(browser, server), open(browser, server)];
    const uses = [a, b, c].map(({ fanfare }) => fanfare.subscribe(campaign));
    a.fanfare.subscribe(settlement);
    await pass(100);
    uses[0]?.unsubscribe();
    uses[1]?.unsubscribe();
    await pass(2000);
    expect(server.subscribersOf(campaign)).toBe(1);
    c.tab.crash();
    await pass(2000);
    expect(server.subscribersOf(campaign)).toBe(0);
    expect(server.subscribersOf(settlement)).toBe(1);
  });

  it("show each other's connection trouble, and any of them can ask to try at once", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const [leader, follower] = [open(browser, server), open(browser, server)];
    leader.world.random = () => 0.999;
    leader.fanfare.subscribe(campaign);
    follower.fanfare.subscribe(campaign);
    await pass(100);
    server.refuseConnections = "unreachable";
    server.cut();
    await pass(20_000);
    const { status, attempt, lastError, nextRetryAt } = follower.fanfare.connection.getSnapshot();
    expect([status, attempt, lastError?.code]).toEqual([
      "reconnecting",
      expect.any(Number),
      "connection_lost",
    ]);
    expect(nextRetryAt).toBe(leader.fanfare.connection.getSnapshot().nextRetryAt);
    server.refuseConnections = null;
    follower.fanfare.retry();
    await pass(100);
    expect(follower.fanfare.connection.getSnapshot().status).toBe("connected");
  });

  it("send commands and follow presence through the one connection", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const [leader, follower] = [open(browser, server), open(browser, server)];
    leader.fanfare.connect();
    await pass(50);
    server.presence(campaign, { joined: ["mira"] });
    const presence = follower.fanfare.presence(campaign);
    const end = presence.subscribe(() => {});
    await expect(follower.fanfare.send("ping")).resolves.toMatchObject({ success: true });
    await pass(50);
    expect(presence.getSnapshot()).toEqual(["mira"]);
    await expect(follower.fanfare.send("dance")).rejects.toMatchObject({ code: "bad_request" });
    end();
    await pass(2000);
    expect(server.received.filter(({ command }) => command === "presence_unsubscribe")).toHaveLength(1);
  });

  it("have another one lead when the leader gets no token any more", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    let isSignedOut = false;
    const getToken = () => {
      if (isSignedOut) {
        throw new Error("This tab was signed out.");
      }
      return fakeToken({ sub: "mira" });
    };
    const tabs = [open(browser, server, { getToken }), open(browser, server)];
    const records = tabs.map(({ fanfare }) => {
      const { seen, handlers } = recorder();
      fanfare.subscribe(campaign, handlers);
      return seen;
    });
    await pass(100);
    expect(sharing(tabs)).toEqual(["leader", "follower"]);
    isSignedOut = true;
    server.cut();
    server.publish("settlement_updated", settled(1));
    await pass(300_000);
    expect(sharing(tabs)).toEqual(["follower", "leader"]);
    expect(records).toEqual([[1], [1]]);
    expect(server.connectionCount).toBe(1);
  });

  it("do not pass the lead round and round when none of them gets a token", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const tabs = [open(browser, server), open(browser, server), open(browser, server)];
    const leaders: number[] = [];
    tabs.forEach(({ fanfare }, index) => {
      fanfare.connection.subscribe(() => {
        const { sharing: role } = fanfare.connection.getSnapshot();
        if (role === "leader" && leaders.at(-1) !== index) {
          leaders.push(index);
        }
      });
      fanfare.subscribe(campaign);
    });
    await pass(100);
    server.refuseConnections = "token_revoked";
    server.cut();
    await pass(3_600_000);
    expect(leaders.length).toBeGreaterThan(3);
    expect(leaders.length).toBeLessThan(25);
    expect(server.tokens.length).toBeLessThan(200);
    server.refuseConnections = null;
    await pass(120_000);
    expect(tabs.map(({ fanfare }) => fanfare.freshness(campaign).getSnapshot())).toEqual(
      tabs.map(() => "live"),
    );
  });

  it("share nothing with a tab that speaks another version of the protocol", async () => {
    const browser = new FakeBrowser();
    const names = vi.spyOn(browser, "post");
    open(browser, new FakeServer()).fanfare.connect();
    await pass(100);
    expect(names.mock.calls[0]?.[1]).toContain(` ${PROTOCOL_VERSION} `);
  });

  it("come back from the browser's cache of pages where they were", async () => {
    const server = new FakeServer();
    const { fanfare, world } = open(new FakeBrowser(), server);
    const { seen, handlers } = recorder();
    fanfare.subscribe(campaign, handlers);
    await pass(50);
    world.leave();
    expect(server.connectionCount).toBe(0);
    server.publish("settlement_updated", settled(1));
    world.wake("restored");
    await pass(50);
    expect(seen).toEqual([1]);
  });
});

describe("tabs that have nothing to share", () => {
  it("are those of different users", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const other = { getToken: () => fakeToken({ sub: "tomas" }) };
    const tabs = [open(browser, server), open(browser, server, other)];
    for (const { fanfare } of tabs) {
      fanfare.connect();
    }
    await pass(100);
    expect(sharing(tabs)).toEqual(["leader", "leader"]);
    expect(tabs.map(({ fanfare }) => fanfare.connection.getSnapshot().userId)).toEqual(["mira", "tomas"]);
  });

  it("are those that opted out, or whose token does not say whose it is", async () => {
    const server = new FakeServer();
    const browser = new FakeBrowser();
    const opaque = { getToken: () => "opaque" };
    const tabs = [open(browser, server, { shareTabs: false }), open(browser, server, opaque)];
    for (const { fanfare } of tabs) {
      fanfare.connect();
    }
    await pass(100);
    expect(sharing(tabs)).toEqual(["alone", "alone"]);
    expect(server.connectionCount).toBe(2);
  });

  it.each<[string, Partial<World>]>([
    ["locks", { locks: { request: () => Promise.reject(new DOMException("denied", "SecurityError")) } }],
    [
      "channels",
      {
        openChannel: () => {
          throw new DOMException("denied", "SecurityError");
        },
      },
    ],
  ])("are those whose browser forbids %s", async (_, denied) => {
    const server = new FakeServer();
    const { fanfare } = open(new FakeBrowser(), server, {}, denied);
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await pass(100);
    server.publish("settlement_updated", settled(1));
    await settle();
    expect([seen, room.freshness]).toEqual([[1], "live"]);
    expect(fanfare.connection.getSnapshot()).toMatchObject({ status: "connected", sharing: "alone" });
    fanfare.close();
    await settle();
    expect(server.connectionCount).toBe(0);
  });

  it("includes one whose user has changed: it fails visibly", async () => {
    const server = new FakeServer();
    let sub = "mira";
    const { fanfare } = open(new FakeBrowser(), server, { getToken: () => fakeToken({ sub }) });
    fanfare.subscribe(campaign);
    await pass(100);
    sub = "tomas";
    await pass(10_000);
    server.cut();
    await pass(2000);
    const { status, lastError } = fanfare.connection.getSnapshot();
    expect([status, lastError?.code]).toEqual(["failed", "identity_changed"]);
  });
});

it("keeps trying to get a token to find out whose tab it is", async () => {
  const server = new FakeServer();
  const getToken = vi.fn<() => Promise<string>>().mockRejectedValue(new Error("signed out"));
  const { fanfare } = open(new FakeBrowser(), server, { getToken });
  fanfare.connect();
  await pass(100);
  expect(fanfare.connection.getSnapshot()).toMatchObject({
    status: "reconnecting",
    lastError: expect.objectContaining({ code: "token_unavailable" }),
  });
  getToken.mockResolvedValue(fakeToken({ sub: "mira" }));
  fanfare.retry();
  await pass(100);
  expect(fanfare.connection.getSnapshot().status).toBe("connected");
});

type TabStep = {
  readonly do: "open" | "crash" | "leave" | "hang" | "cut" | "publish" | "pass";
  readonly which: number;
};

it("hands out the log without a hole in every tab that stays, whatever happens to the others", async () => {
  const step: fc.Arbitrary<TabStep> = fc.record({
    do: fc.constantFrom("open", "crash", "leave", "hang", "cut", "publish", "publish", "publish", "pass"),
    which: fc.nat({ max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const server = new FakeServer();
      const browser = new FakeBrowser();
      const all: Fanfare[] = [];
      let tabs: (Tab & { readonly reader: Reader })[] = [];
      const add = async () => {
        const tab = open(browser, server);
        const reader = new Reader(tab.fanfare, campaign);
        tabs.push({ ...tab, reader });
        all.push(tab.fanfare);
        const ready = reader.begin();
        await pass(100);
        return ready;
      };
      const drop = (which: number) => {
        const gone = tabs[which % tabs.length];
        tabs = tabs.filter((tab) => tab !== gone);
        return gone;
      };
      await add();
      let version = 0;
      for (const { do: what, which } of steps) {
        if (what === "open" && tabs.length < 5) {
          // Not awaited: while the leader hangs, nobody is ready before another one leads.
          void add();
          await pass(100);
        } else if (what === "publish") {
          version += 1;
          server.publish("settlement_updated", settled(version));
        } else if (what === "cut") {
          server.cut();
        } else if (what === "pass") {
          await pass(which * 1000);
        } else if (tabs.length > 1) {
          const gone = drop(which);
          if (what === "leave") {
            gone?.world.leave();
          } else if (what === "hang") {
            Object.assign(gone?.tab ?? {}, { hangs: true });
          } else {
            gone?.tab.crash();
            gone?.fanfare.close();
          }
        }
        await settle();
      }
      await pass(60_000);
      const head = { epoch: server.log.epoch, offset: server.log.head(campaign) };
      expect(tabs.flatMap(({ reader }) => reader.mistakes)).toEqual([]);
      expect(tabs.map(({ reader }) => reader.at)).toEqual(tabs.map(() => head));
      expect(sharing(tabs).filter((role) => role === "leader")).toHaveLength(1);
      for (const fanfare of all) {
        fanfare.close();
      }
    }),
    { numRuns: Number(process.env["RUNS"] ?? 50) },
  );
});
