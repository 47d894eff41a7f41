import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFanfare, type FanfareOptions } from "../src/index.js";
import { campaign, fakeTime, pass, recorder, settle, settled, setup } from "./support.js";

fakeTime();

const good: FanfareOptions = { url: "https://fanfare.example", getToken: () => "token" };

describe("wrong options", () => {
  it.each<[string, unknown, RegExp]>([
    ["none", undefined, /needs options: \{ url, getToken \}/],
    ["no url", { getToken: good.getToken }, /'url' is 'undefined': give the server's address/],
    ["a url that is none", { ...good, url: "fanfare" }, /'fanfare': give the server's address/],
    [
      "a url for something else",
      { ...good, url: "ftp://fanfare" },
      /'ftp:\/\/fanfare': give the server's address/,
    ],
    ["no getToken", { url: good.url }, /'getToken' must be a function/],
    ["a token instead of getToken", { ...good, getToken: "abc" }, /'getToken' must be a function/],
    [
      "a transport that is none",
      { ...good, transport: "carrier pigeon" },
      /must be 'auto', 'socket', 'polling'/,
    ],
    [
      "a misspelt option",
      { ...good, transports: ["websocket"] },
      /There is no option 'transports': use url, getToken/,
    ],
    ["an interval of text", { ...good, pollIntervalMs: "3s" }, /'pollIntervalMs' must be a number/],
    ["a hurried interval", { ...good, pollIntervalMs: 1 }, /at least 100/],
    [
      "limits the wrong way round",
      { ...good, reconnect: { minMs: 10, maxMs: 5 } },
      /'reconnect.maxMs' must be a number of at least 10/,
    ],
    ["an empty name for tabs", { ...good, shareTabs: "" }, /'shareTabs' must be/],
    ["a wrap that is none", { ...good, wrapTransport: "none" }, /'wrapTransport' must be a function/],
    ["an onError that cannot be called", { ...good, onError: true }, /'onError' must be a function/],
  ])("throw at construction and say what to do: %s", (_, options, message) => {
    expect(() => createFanfare(options as FanfareOptions)).toThrow(message);
    expect(() => createFanfare(options as FanfareOptions)).toThrow(
      expect.objectContaining({ name: "FanfareError", code: "invalid_option" }),
    );
  });

  it("does not count these as wrong", () => {
    for (const url of ["wss://fanfare.example", "https://fanfare.example/base/", "http://127.0.0.1:4000"]) {
      expect(() => createFanfare({ ...good, url })).not.toThrow();
    }
  });

  it("throws at rooms and events that do not exist", () => {
    const { fanfare } = setup();
    expect(() => fanfare.subscribe("campaign")).toThrow(/'campaign' is not a room: use campaign:\{id\}/);
    expect(() => fanfare.subscribe(undefined as unknown as string)).toThrow(/is not a room/);
    expect(() => fanfare.freshness("planet:1")).toThrow(/is not a room/);
    expect(() => fanfare.on("settlement_exploded" as "entity_updated", () => {})).toThrow(
      /There is no event/,
    );
  });
});

describe("a server that lies", () => {
  it("has events of unknown types ignored and counted; they keep their place in the log", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    const event = server.publish("settlement_updated", settled(1));
    await settle();
    server.say("dragon_landed", { ...event, id: "d", type: "dragon_landed", offsets: { [campaign]: 2 } });
    server.say("weather", { sunny: true });
    server.say("settlement_updated", { ...event, id: "e", offsets: { [campaign]: 3 } });
    await settle();
    expect(seen).toEqual([1, 1]);
    expect(fanfare.counters()).toMatchObject({ unknownEvents: 2, gaps: 0, badMessages: 0 });
  });

  const broken: [string, (event: object) => unknown][] = [
    ["nothing", () => null],
    ["a text", () => "event"],
    ["no offsets", (event) => ({ ...event, offsets: undefined })],
    ["negative offsets", (event) => ({ ...event, offsets: { [campaign]: -1 } })],
    ["offsets that are no numbers", (event) => ({ ...event, offsets: { [campaign]: "1" } })],
    ["an offset beyond what a number holds", (event) => ({ ...event, offsets: { [campaign]: 2 ** 60 } })],
    ["no id", (event) => ({ ...event, id: 7 })],
    ["another type than its name", (event) => ({ ...event, type: "entity_updated" })],
    ["a later version of the protocol", (event) => ({ ...event, v: 99 })],
    ["no payload", (event) => ({ ...event, payload: null })],
  ];
  it.each(broken)("has a broken envelope reported and asked for again: %s", async (_, spoil) => {
    const { server, fanfare, errors } = setup();
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    server.network.disturb = ({ name, argument }) => {
      server.network.disturb = null;
      return [{ name, argument: spoil(argument as object) }];
    };
    server.publish("settlement_updated", settled(1));
    await settle();
    expect(seen).toEqual([]);
    expect(errors[0]?.code).toBe("bad_envelope");
    expect(fanfare.counters().badMessages).toBe(1);
    await pass(15_000);
    expect(seen).toEqual([1]);
  });

  it("has its room declared stale when the missing event is broken in the log itself", async () => {
    const { server, fanfare } = setup();
    const { seen, handlers } = recorder();
    const room = fanfare.subscribe(campaign, handlers);
    await room.ready;
    const [event] = server.commit("settlement_updated", settled(1));
    Object.assign(event as object, { payload: null });
    await pass(16_000);
    expect(seen).toEqual(["bad_envelope"]);
    expect(room.freshness).toBe("live");
    server.publish("settlement_updated", settled(2));
    await settle();
    expect(seen).toEqual(["bad_envelope", 2]);
  });

  it("cannot break the client with any message at all", async () => {
    const { server, fanfare } = setup({}, { headsIntervalMs: 0 });
    const { seen, handlers } = recorder();
    await fanfare.subscribe(campaign, handlers).ready;
    const names = fc.constantFrom(
      "heads",
      "unsubscribed",
      "room_state_invalidated",
      "presence",
      "token_expiring",
      "welcome",
      "settlement_updated",
      "__proto__",
      "constructor",
    );
    const messages = fc.sample(fc.tuple(names, fc.jsonValue()), { numRuns: 2000, seed: 1 });
    for (const [name, argument] of messages) {
      server.say(name, argument);
    }
    await pass(1000);
    server.publish("settlement_updated", settled(1));
    await pass(1000);
    expect(seen).toEqual([1]);
    expect(({} as Record<string, unknown>)["joined"]).toBeUndefined();
  });

  it("has a broken answer to a join asked for again, ever more slowly", async () => {
    const { server, fanfare, errors } = setup();
    const since = server.log.head.bind(server.log);
    server.log.head = () => -1;
    const room = fanfare.subscribe(campaign);
    await pass(30_000);
    const asked = server.received.filter(({ command }) => command === "subscribe_many").length;
    expect(asked).toBeLessThan(10);
    expect(errors.every(({ code }) => code === "bad_envelope")).toBe(true);
    server.log.head = since;
    await pass(60_000);
    await room.ready;
  });
});
