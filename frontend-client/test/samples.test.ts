import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NOTICE_NAMES } from "../src/generated/protocol.js";
import { type Envelope, EVENT_TYPES, type EventType } from "../src/index.js";
import { roomsOf } from "../src/testing/index.js";
import { greetingOf } from "../src/transport/greeting.js";
import { asEnvelope, asHeads, asJoinAnswer, successOf } from "../src/wire/check.js";
import { mistakeIn, schemaOf } from "../src/wire/schemas.js";
import { campaign, fakeTime, pass, settle, setup } from "./support.js";

fakeTime();

const folder = (name: string) => new URL(`./samples/${name}/`, import.meta.url);
const names = (kind: string) => readdirSync(folder(kind)).map((file) => file.replace(".json", ""));
const sample = (kind: string, name: string): unknown =>
  JSON.parse(readFileSync(new URL(`${name}.json`, folder(kind)), "utf8"));

describe("what the server's own tests wrote", () => {
  it("covers every event and every notice", () => {
    expect(names("events").sort()).toEqual([...EVENT_TYPES].sort());
    expect(names("notices").sort()).toEqual([...NOTICE_NAMES].sort());
  });

  it.each(EVENT_TYPES)("is understood: the event %s", async (type) => {
    const event = sample("events", type);
    expect(asEnvelope(event)).toBe(event);
    expect(mistakeIn(type, event)).toBeNull();
  });

  it.each(EVENT_TYPES)("goes to the rooms that the fake server chooses as well: %s", (type) => {
    const event = sample("events", type) as Envelope & { type: EventType };
    expect(roomsOf(type, event.payload)).toEqual(Object.keys(event.offsets));
  });

  it.each(NOTICE_NAMES)("is understood: the notice %s", (name) => {
    expect(mistakeIn(name, sample("notices", name))).toBeNull();
  });

  it.each(names("acks"))("is understood: the acknowledgement %s", (name) => {
    expect(schemaOf("Ack").safeParse(sample("acks", name)).success).toBe(true);
  });

  it("says in a greeting what the client needs", () => {
    expect(greetingOf(sample("notices", "welcome"))).toMatchObject({
      userId: "mira",
      policy: { minMs: 1000, maxMs: 32_000, maxAttempts: 10, jitter: true },
      tokenExpiresAt: expect.any(Number),
    });
    expect(asHeads(sample("notices", "heads"))?.rooms[campaign]).toBe(44);
  });

  it("says in a join's answer what was missed", () => {
    const ack = sample("acks", "subscribed");
    const answer = asJoinAnswer(successOf(ack), campaign);
    expect(answer?.events.map(asEnvelope)).not.toContain(null);
    expect(answer?.recovered).toBe(true);
    expect(() => successOf(sample("acks", "refused"))).toThrow(
      expect.objectContaining({ code: "rate_limited", retryAfterMs: 750, fields: [expect.any(Object)] }),
    );
  });

  it("reaches the application's handlers, from first to last", async () => {
    const { server, fanfare, errors } = setup({}, { headsIntervalMs: 0 });
    const seen: string[] = [];
    const handlers = Object.fromEntries(
      EVENT_TYPES.map((type) => [
        `on${type.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase())}`,
        (event: Envelope) => seen.push(event.type),
      ]),
    );
    await fanfare.subscribe(campaign, handlers).ready;
    for (const type of EVENT_TYPES) {
      server.say(type, sample("events", type));
    }
    await settle();
    expect(seen).toEqual(EVENT_TYPES);
    expect(errors).toEqual([]);
  });
});

describe("the schemas", () => {
  it("name what is wrong with a message", () => {
    const event = sample("events", "settlement_updated") as Envelope;
    const wrong = { ...event, payload: { ...event.payload, version: "twelve" } };
    expect(mistakeIn("settlement_updated", wrong)).toMatch(/version|Invalid/);
    expect(mistakeIn("draining", { reconnectAfterMs: "soon" })).toMatch(/reconnectAfterMs/);
    expect(mistakeIn("something_new", {})).toBeNull();
  });

  it("are used in development: a wrong payload is reported, and still handed out", async () => {
    const { server, fanfare, errors } = setup();
    const seen: unknown[] = [];
    await fanfare.subscribe(campaign, { onEvent: (event) => seen.push(event) }).ready;
    // The schemas are loaded when they are needed first, which takes real time.
    await import("../src/wire/schemas.js");
    await pass(1);
    const event = sample("events", "settlement_updated") as Envelope;
    server.say("settlement_updated", {
      ...event,
      offsets: { [campaign]: 1 },
      payload: { version: "twelve" },
    });
    await settle();
    expect(seen).toHaveLength(1);
    expect(errors.map(({ code }) => code)).toEqual(["bad_envelope"]);
  });
});
