import { createFanfareIn, FakeServer, fakeToken } from "@fanfare/client/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Fault, type FaultChannel, Network } from "../src/network/network.js";
import { CAMPAIGN, campaign, SETTLEMENT } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-11-20T10:00:00Z") });
});
afterEach(() => {
  for (const end of ends.splice(0)) {
    end();
  }
  vi.useRealTimers();
});

const ends: (() => void)[] = [];
const settle = () => vi.advanceTimersByTimeAsync(0);
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const update = {
  settlementId: SETTLEMENT,
  campaignId: CAMPAIGN,
  operation: "update" as const,
  version: 2,
  changedFields: ["population"],
};

/** A client over a network that can be broken, with what its handlers were told. */
async function setup() {
  const server = new FakeServer();
  const network = new Network(server.fetch as typeof fetch, () => fanfare.retry());
  const tokens: (string | undefined)[] = [];
  const fanfare = createFanfareIn(
    {
      fetch: server.fetch,
      random: () => 0.5,
      locks: null,
      openChannel: null,
      onWake: () => () => {},
      onLeave: () => () => {},
    },
    {
      url: "http://fake.test",
      transport: server.transport,
      wrapTransport: network.wrap,
      getToken: ({ refused }) => {
        tokens.push(refused);
        return fakeToken({ sub: "mira" });
      },
    },
  );
  ends.push(fanfare.close);
  const told: string[] = [];
  await fanfare.subscribe(campaign, {
    onEvent: (event) => told.push(`${event.offsets[campaign]} ${fanfare.freshness(campaign).getSnapshot()}`),
    onStale: (_, reason) => told.push(reason),
  }).ready;
  const status = () => fanfare.connection.getSnapshot().status;
  return { server, network, fanfare, told, tokens, status };
}

// req: T19
describe("the network that can be broken", () => {
  it("cuts for as long as it was told, and what was missed is recovered", async () => {
    const { server, network, told, status } = await setup();
    network.inflict({ kind: "cut", ms: 3_000 });
    await settle();
    expect(status()).toBe("reconnecting");
    server.publish("settlement_updated", update);
    await pass(2_900);
    expect([status(), told]).toEqual(["reconnecting", []]);
    await expect(network.fetch("/graphql")).rejects.toThrow(TypeError);
    await pass(200);
    expect([status(), told]).toEqual(["connected", ["1 catching_up"]]);
    expect(network.state.getSnapshot().cutUntil).toBeNull();
  });

  it("is mended early when that is asked for, and a second cut prolongs the first", async () => {
    const { network, status } = await setup();
    network.inflict({ kind: "cut", ms: 3_000 });
    await pass(2_000);
    network.inflict({ kind: "cut", ms: 3_000 });
    await pass(2_000);
    expect(network.isCut).toBe(true);
    network.inflict({ kind: "mend" });
    await settle();
    expect([network.isCut, status()]).toEqual([false, "connected"]);
    network.inflict({ kind: "mend" });
    await pass(5_000);
    expect(status()).toBe("connected");
  });

  it("kills the connection, which comes back with what was missed", async () => {
    const { server, network, told, status } = await setup();
    network.inflict({ kind: "kill" });
    await settle();
    expect(status()).toBe("reconnecting");
    server.publish("settlement_updated", update);
    await pass(2_000);
    expect([status(), told]).toEqual(["connected", ["1 catching_up"]]);
  });

  it("delays events in their order, also when the delay ends meanwhile", async () => {
    const { server, network, told } = await setup();
    network.inflict({ kind: "delay", ms: 1_000 });
    server.publish("settlement_updated", update);
    await pass(500);
    network.inflict({ kind: "delay", ms: 0 });
    server.publish("settlement_updated", { ...update, version: 3 });
    await settle();
    expect(told).toEqual([]);
    await pass(500);
    expect(told).toEqual(["1 live", "2 live"]);
  });

  it("delays what the page asks for there and back", async () => {
    const network = new Network(
      () => Promise.resolve(new Response("{}")),
      () => {},
    );
    network.inflict({ kind: "delay", ms: 200 });
    let answered = false;
    void network.fetch("/graphql").then(() => {
      answered = true;
    });
    await pass(399);
    expect(answered).toBe(false);
    await pass(1);
    expect(answered).toBe(true);
  });

  it("goes stale: the room's state has to be read again", async () => {
    const { network, told } = await setup();
    network.inflict({ kind: "stale", room: campaign });
    await pass(100);
    expect(told).toEqual(["unverified"]);
  });

  it("has the token refused once; the client asks for another and is back", async () => {
    const { server, network, fanfare, tokens, status } = await setup();
    server.refuseConnections = "token_invalid";
    network.inflict({ kind: "expire" });
    await pass(1_500);
    expect(status()).not.toBe("connected");
    expect(tokens.slice(0, 3)).toEqual([undefined, undefined, "token_invalid"]);
    server.refuseConnections = null;
    fanfare.retry();
    await settle();
    expect(status()).toBe("connected");
  });

  it("spoils exactly one token, and only its signature", async () => {
    const shown: string[] = [];
    const network = new Network(
      () => Promise.reject(new TypeError()),
      () => {},
    );
    const { open } = network.wrap({
      kind: "socket",
      open: (_, token) => {
        shown.push(token);
        return { request: () => new Promise(() => {}), close: () => {} };
      },
    });
    const events = { opened: () => {}, message: () => {}, heard: () => {}, closed: () => {} };
    network.inflict({ kind: "expire" });
    open("/", "head.body.signature", events);
    open("/", "head.body.signature", events);
    expect(shown).toEqual(["head.body.erutangis", "head.body.signature"]);
  });

  it("breaks the network of the user's other tabs, too, and of nobody twice", async () => {
    const channels: FaultChannel[] = [];
    const networks = [0, 1].map(() => {
      const network = new Network(
        () => Promise.reject(new TypeError()),
        () => {},
      );
      const channel: FaultChannel = {
        onmessage: null,
        close: () => {},
        postMessage: (data) => {
          for (const other of channels.filter((each) => each !== channel)) {
            other.onmessage?.({ data } as MessageEvent<Fault>);
          }
        },
      };
      channels.push(channel);
      ends.push(network.share(channel));
      return network;
    });
    const seen: string[] = [];
    networks.forEach((network, tab) => {
      ends.push(network.onFault(({ kind }) => seen.push(`${tab} ${kind}`)));
    });
    networks[0]?.inflict({ kind: "cut", ms: 1_000 });
    expect(networks.map((network) => network.isCut)).toEqual([true, true]);
    expect(seen.sort()).toEqual(["0 cut", "1 cut"]);
    await pass(1_000);
    expect(networks.map((network) => network.isCut)).toEqual([false, false]);
  });
});
