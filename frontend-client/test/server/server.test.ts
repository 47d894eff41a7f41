import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createFanfareIn } from "../../src/create.js";
import { surroundings } from "../../src/environment.js";
import { createFanfare, type Fanfare, type FanfareOptions, type TokenRequest } from "../../src/index.js";
import { FakeBrowser } from "../../src/testing/index.js";
import { Instance, isThere } from "./instance.js";

const instance = new Instance();
const clients: Fanfare[] = [];
let campaignId: string;
let campaign: string;
let settlementId: string;

/** Waits for what the real server and real sockets do; long, for machines that are busy. */
const eventually = (assertion: () => void) => vi.waitFor(assertion, { timeout: 30_000, interval: 20 });

function client(user: string, options: Partial<FanfareOptions> = {}): Fanfare {
  const made = createFanfare({
    url: instance.url,
    getToken: () => instance.token(user),
    transport: "socket",
    reconnect: { minMs: 50, maxMs: 500 },
    ...options,
  });
  clients.push(made);
  return made;
}

let population = 1000;
/** Changes a settlement as its owner; gives the version after the change. */
async function change(): Promise<number> {
  population += 1;
  const mutation = `mutation ($id: ID!, $population: Int!) {
    updateSettlement(id: $id, input: { population: $population }) { version }
  }`;
  type Answer = { updateSettlement: { version: number } };
  const answer = await instance.query<Answer>("ada", mutation, { id: settlementId, population });
  return answer.updateSettlement.version;
}

/** The versions of the settlement that a client was told of. */
function follow(fanfare: Fanfare) {
  const versions: number[] = [];
  const stale = vi.fn();
  const room = fanfare.subscribe(campaign, {
    onSettlementUpdated: ({ payload }) =>
      payload.settlementId === settlementId && versions.push(payload.version),
    onStale: stale,
  });
  return { versions, stale, room };
}

describe.runIf(isThere)("against the real server", () => {
  beforeAll(async () => {
    await instance.start();
    type Campaigns = { campaigns: { nodes: { id: string; settlements: { nodes: { id: string }[] } }[] } };
    const query = "{ campaigns { nodes { id settlements { nodes { id } } } } }";
    const { campaigns } = await instance.query<Campaigns>("ada", query);
    campaignId = campaigns.nodes[0]?.id ?? "";
    settlementId = campaigns.nodes[0]?.settlements.nodes[0]?.id ?? "";
    campaign = `campaign:${campaignId}`;
  }, 60_000);

  afterEach(() => {
    instance.mend();
    for (const made of clients.splice(0)) {
      made.close();
    }
  });

  afterAll(() => instance.end());

  // req: T26 T27
  it("a change reaches another user, once in each room, in order", async () => {
    const fanfare = client("ben");
    const on = vi.fn();
    fanfare.on("settlement_updated", on);
    const inSettlement = vi.fn();
    const settlement = fanfare.subscribe(`settlement:${settlementId}`, { onSettlementUpdated: inSettlement });
    const { versions, room } = follow(fanfare);
    await Promise.all([room.ready, settlement.ready]);
    expect(fanfare.connection.getSnapshot()).toMatchObject({
      status: "connected",
      userId: "ben",
      transport: "socket",
    });
    const made = [await change(), await change(), await change()];
    await eventually(() => expect(versions).toEqual(made));
    expect([on.mock.calls.length, inSettlement.mock.calls.length]).toEqual([3, 3]);
    expect(fanfare.counters()).toEqual({ unknownEvents: 0, duplicates: 0, badMessages: 0, gaps: 0 });
  });

  it("what was missed while the line was cut is recovered exactly", async () => {
    const { versions, stale, room } = follow(client("ben"));
    await room.ready;
    instance.cut();
    const made = [await change(), await change()];
    instance.mend();
    await eventually(() => expect(versions).toEqual(made));
    made.push(await change());
    await eventually(() => expect(versions).toEqual(made));
    expect(stale).not.toHaveBeenCalled();
    expect(room.freshness).toBe("live");
  });

  it("what was committed before the server was killed is recovered from the next one", async () => {
    const { versions, stale, room } = follow(client("ben"));
    await room.ready;
    instance.cut();
    const made = [await change(), await change()];
    await instance.kill();
    await instance.start();
    instance.mend();
    await eventually(() => expect(versions).toEqual(made));
    expect(stale).not.toHaveBeenCalled();
  });

  // req: T25
  it("polling brings the same events and recovers the same way", async () => {
    const fanfare = client("ben", { transport: "polling", pollIntervalMs: 100 });
    const { versions, stale, room } = follow(fanfare);
    await room.ready;
    expect(room.position?.offset).toBeGreaterThan(0);
    const made = [await change(), await change()];
    await eventually(() => expect(versions).toEqual(made));
    instance.cut();
    await eventually(() => expect(fanfare.connection.getSnapshot().status).toBe("reconnecting"));
    made.push(await change());
    instance.mend();
    await eventually(() => expect(versions).toEqual(made));
    expect(stale).not.toHaveBeenCalled();
  });

  it("a position of another log, or of nowhere, is declared stale", async () => {
    const reasons: string[] = [];
    const onStale = (_: string, reason: string) => reasons.push(reason);
    const fanfare = client("ben");
    await fanfare.subscribe(campaign, { onStale, position: { epoch: "another", offset: 3 } }).ready;
    await fanfare.subscribe(`settlement:${settlementId}`, {
      onStale,
      position: { epoch: fanfare.subscribe(campaign).position?.epoch ?? "", offset: 1_000_000 },
    }).ready;
    expect(reasons).toEqual(["not_recovered", "not_recovered"]);
  });

  // req: T15
  it("the token is renewed over the socket, and the connection outlives the first one", async () => {
    const reasons: string[] = [];
    const states: string[] = [];
    const getToken = ({ reason }: TokenRequest) => {
      reasons.push(reason);
      return instance.token("ben", reason === "connect" ? "8s" : "1h");
    };
    const fanfare = client("ben", { getToken });
    await fanfare.subscribe(campaign).ready;
    const ends = Date.now() + 8000;
    fanfare.connection.subscribe(() => states.push(fanfare.connection.getSnapshot().status));
    await eventually(() => expect(reasons).toEqual(["connect", "refresh"]));
    await eventually(() => expect(Date.now()).toBeGreaterThan(ends + 1500));
    await expect(fanfare.send("ping")).resolves.toMatchObject({ success: true });
    expect(states.every((status) => status === "connected")).toBe(true);
  }, 40_000);

  it("a token that the server refuses is a visible failure", async () => {
    const fanfare = client("ben", { getToken: () => `${instance.token("ben")}x` });
    fanfare.connect();
    await eventually(() => {
      const { status, lastError } = fanfare.connection.getSnapshot();
      expect([status, lastError?.code]).toEqual(["failed", "token_invalid"]);
    });
  });

  it("a room that is not there and one that may not be seen look the same", async () => {
    const fanfare = client("nobody");
    const absent = fanfare.subscribe("campaign:0193a5b2-0000-7000-8000-00000000ffff");
    await expect(absent.ready).rejects.toMatchObject({ code: "not_found" });
    await expect(fanfare.subscribe(campaign).ready).rejects.toMatchObject({ code: "not_found" });
    await expect(fanfare.subscribe("campaign:1").ready).rejects.toMatchObject({ code: "bad_request" });
  });

  it("a room or a position that cannot be read is refused alone", async () => {
    const fanfare = client("ben");
    const malformed = fanfare.subscribe("campaign:undefined");
    const displaced = fanfare.subscribe(`settlement:${settlementId}`, {
      position: { epoch: "no epoch", offset: 0 },
    });
    const { room } = follow(fanfare);
    await expect(malformed.ready).rejects.toMatchObject({ code: "bad_request" });
    await expect(displaced.ready).rejects.toMatchObject({ code: "bad_request" });
    await room.ready;
    expect(room.freshness).toBe("live");
  });

  it("who is removed is told, hears nothing more, and reads of it in the own room", async () => {
    const fanfare = client("cyd");
    const removed = vi.fn();
    const own = vi.fn();
    fanfare.onRemoved(removed);
    const { versions, room } = follow(fanfare);
    await Promise.all([room.ready, fanfare.subscribe("user:cyd", { onMembershipChanged: own }).ready]);
    const remove = 'mutation ($id: ID!) { removeMember(campaignId: $id, userId: "cyd") { __typename } }';
    await instance.query("ada", remove.replace(" { __typename }", ""), { id: campaignId });
    await eventually(() => expect(removed).toHaveBeenCalledExactlyOnceWith(campaign, "membership_revoked"));
    await eventually(() => expect(own).toHaveBeenCalledTimes(1));
    await change();
    await expect(fanfare.send("ping")).resolves.toMatchObject({ success: true });
    expect(versions).toEqual([]);
    expect(own.mock.calls[0]?.[0].payload).toMatchObject({ userId: "cyd", role: null });
  });

  it("those present are seen coming and going", async () => {
    const watcher = client("ada");
    const present = watcher.presence(campaign);
    const end = present.subscribe(() => {});
    watcher.connect();
    const guest = client("ben");
    await guest.subscribe(campaign).ready;
    await eventually(() => expect(present.getSnapshot()).toContain("ben"));
    guest.close();
    await eventually(() => expect(present.getSnapshot()).not.toContain("ben"));
    end();
  });

  // req: T21
  it("tabs share one connection, and the next one takes over", async () => {
    const browser = new FakeBrowser();
    const open = () => {
      const tab = browser.open();
      const environment = { ...surroundings(), locks: tab.locks, openChannel: tab.openChannel };
      const options = {
        url: instance.url,
        getToken: () => instance.token("ben"),
        transport: "socket",
      } as const;
      const fanfare = createFanfareIn(environment, options);
      clients.push(fanfare);
      return { tab, fanfare, ...follow(fanfare) };
    };
    const tabs = [open(), open(), open()];
    await Promise.all(tabs.map(({ room }) => room.ready));
    const connections = () =>
      new Set(tabs.map(({ fanfare }) => fanfare.connection.getSnapshot().connectionId));
    expect(connections().size).toBe(1);
    const made = [await change()];
    await eventually(() => expect(tabs.map(({ versions }) => versions)).toEqual([made, made, made]));
    const leader = tabs.find(({ fanfare }) => fanfare.connection.getSnapshot().sharing === "leader");
    leader?.tab.crash();
    leader?.fanfare.close();
    tabs.splice(tabs.indexOf(leader as (typeof tabs)[0]), 1);
    made.push(await change(), await change());
    await eventually(() => expect(tabs.map(({ versions }) => versions)).toEqual([made, made]));
    await eventually(() => expect(connections().size).toBe(1));
  });
});
