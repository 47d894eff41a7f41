// The cases of the Socket.IO protocol's reference suite (version 5), over a bare WebSocket.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { WebSocket } from "ws";
import { Wire } from "../support/engine.js";
import { Server } from "../support/server.js";
import { token } from "../support/tokens.js";
import { World } from "../support/world.js";

const server = await Server.start({ after });
// Who does not send a handshake is soon closed by this one.
const impatient = await Server.start({ after }, { CONNECT_TIMEOUT: "1s" });
const world = await World.make(server);
const connect = () => `40${JSON.stringify({ token: token("ben") })}`;

async function open(t, at = server) {
    const wire = new Wire(t, at);
    wire.opened = await wire.handshake();
    return wire;
}

async function connected(t) {
    const wire = await open(t);
    wire.send(connect());
    assert.match(await wire.message(), /^40{"sid":"/);
    assert.match(await wire.message(), /^42\["welcome",{/);
    return wire;
}

/** The number and the argument of the next acknowledgement. */
async function ack(wire) {
    const [, number, json] = /^43(\d+)(\[.*\])$/s.exec(await wire.message());
    const args = JSON.parse(json);
    assert.equal(args.length, 1);
    return [Number(number), args[0]];
}

describe("connect", () => {
    test("the main namespace with a payload", async (t) => {
        const wire = await open(t);
        wire.send(connect());
        const { sid } = JSON.parse((await wire.message()).slice(2));
        assert.equal(typeof sid, "string");
    });

    test("the main namespace without a payload is refused with a reason, on a transport that stays", async (t) => {
        const wire = await open(t);
        wire.send("40");
        assert.equal(await wire.message(), '44{"message":"token_missing"}');
        wire.send(connect());
        assert.match(await wire.message(), /^40{"sid":"/);
    });

    test("an unknown namespace is refused by its name", async (t) => {
        const wire = await open(t);
        wire.send(`40/random,${connect().slice(2)}`);
        const text = await wire.message();
        assert.ok(text.startsWith("44/random,"), text);
        assert.match(JSON.parse(text.slice("44/random,".length)).message, /[Ii]nvalid namespace/);
    });

    test("a handshake that is no JSON closes the connection", async (t) => {
        const wire = await open(t);
        wire.send("4abc");
        await wire.end();
    });

    test("who sends no handshake is closed", async (t) => {
        await (await open(t, impatient)).end();
    });

    test("a command before the handshake closes the connection", async (t) => {
        const wire = await open(t);
        wire.send('421["ping"]');
        await wire.end();
    });

    test("a second handshake on one connection changes nothing", async (t) => {
        const wire = await connected(t);
        wire.send(`40${JSON.stringify({ token: token("ada") })}`);
        wire.send('421["ping"]');
        const seen = [await wire.message()];
        while (!seen.at(-1).startsWith("431")) seen.push(await wire.message());
        assert.ok(!seen.some((text) => text.includes('"ada"')), seen.join("\n"));
    });
});

describe("disconnect", () => {
    test("the main namespace is left and can be entered again on the same transport", async (t) => {
        const wire = await connected(t);
        // Back to back, again and again: neither may be taken for the other's repetition.
        for (let round = 0; round < 20; round++) {
            wire.send("41");
            wire.send(connect());
            assert.match(await wire.message(), /^40{"sid":"/);
            assert.match(await wire.message(), /^42\["welcome",/);
        }
    });

    test("a namespace that was never entered is left without harm", async (t) => {
        const wire = await connected(t);
        wire.send("41/random,");
        wire.send('421["ping"]');
        // It is ignored, or its sender is closed; nobody else is concerned either way.
        const next = await Promise.race([wire.message(), wire.closed]);
        if (typeof next === "string") assert.match(next, /^431/);
        await connected(t);
    });
});

describe("message", () => {
    test("an event with an acknowledgement is answered under its number", async (t) => {
        const wire = await connected(t);
        wire.send('42456["ping",{}]');
        const [number, pong] = await ack(wire);
        assert.equal(number, 456);
        assert.equal(pong.success, true);
    });

    test("an event without an acknowledgement is carried out", async (t) => {
        const wire = await connected(t);
        wire.send(`42${JSON.stringify(["subscribe", { room: world.rooms.settlement }])}`);
        wire.send('421["ping"]');
        await ack(wire);
        await world.rename("Heard");
        assert.match(await wire.message(), /^42\["settlement_updated",{/);
    });

    test("an event with more arguments is read by its first", async (t) => {
        const wire = await connected(t);
        wire.send(`427${JSON.stringify(["subscribe", { room: world.rooms.settlement }, 1, "2", [3]])}`);
        const [number, answer] = await ack(wire);
        assert.deepEqual([number, answer.success], [7, true]);
    });

    test("the highest number of an acknowledgement that a client can use comes back", async (t) => {
        const wire = await connected(t);
        wire.send(`42${Number.MAX_SAFE_INTEGER}["ping"]`);
        assert.equal((await ack(wire))[0], Number.MAX_SAFE_INTEGER);
    });

    test("an acknowledgement that nobody asked for changes nothing", async (t) => {
        const wire = await connected(t);
        wire.send('43789["abc"]');
        wire.send('421["ping"]');
        assert.equal((await ack(wire))[0], 1);
    });

    test("an event with attachments is not taken: the connection is closed", async (t) => {
        const wire = await connected(t);
        wire.send('451-["subscribe",{"_placeholder":true,"num":0}]');
        wire.ws.send(Buffer.from([1, 2, 3]));
        await wire.end();
    });

    for (const [what, text] of [
        ["a packet of an unknown type", "4abc"],
        ["a payload that is no JSON", "42{"],
        ["a payload that is no array", '42{"a":1}'],
        ["an acknowledgement number that is none", '42abc["ping"]'],
        ["attachments without a number", '45["ping"]'],
        ["an event without a name", "42[]"],
        ["a name that is no text", "421[7]"],
    ]) {
        test(`${what} closes its connection or is answered, and concerns nobody else`, async (t) => {
            const [wire, bystander] = [await connected(t), await connected(t)];
            wire.send(text);
            if (wire.ws.readyState === WebSocket.OPEN) wire.send('4299["ping"]');
            const next = await Promise.race([wire.message().catch(() => "closed"), wire.closed]);
            if (typeof next === "string" && next.startsWith("43")) {
                const answered = JSON.parse(/\[.*/.exec(next)[0])[0];
                assert.equal(typeof answered.success, "boolean");
            } else {
                await wire.end();
            }
            bystander.send('421["ping"]');
            assert.match(await bystander.message(), /^431\[{"success":true/);
        });
    }
});
