// HTTP long-polling, where an operator has turned it on, and the upgrade from it.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { client, command, connected, welcomed } from "../support/client.js";
import { Reader } from "../support/reader.js";
import { Server } from "../support/server.js";
import { claims, sign, token } from "../support/tokens.js";
import { event, inTime } from "../support/wait.js";
import { World } from "../support/world.js";

const server = await Server.start({ after }, { POLLING: true, MAILBOX_SIZE: 2000, HEADS_INTERVAL: "500ms" });
const world = await World.make(server);
const polling = { transports: ["polling"] };

const upgraded = (socket) =>
    inTime(new Promise((resolve) => socket.io.engine.once("upgrade", ({ name }) => resolve(name))), "the upgrade");

// req: N24 T25 P06
test("a client that only polls does everything that one with a WebSocket does", async (t) => {
    const socket = await connected(t, server.url, "ben", polling);
    assert.equal(socket.io.engine.transport.name, "polling");
    const reader = await new Reader(socket, world.rooms.campaign).joined();
    for (const name of ["One", "Two", "Three"]) await world.rename(name);
    await reader.hears("Three");
    assert.deepEqual(reader.names, ["One", "Two", "Three"]);
    const heads = await event(socket, "heads", ({ rooms }) => rooms[world.rooms.campaign] === reader.position.offset);
    assert.equal(heads.epoch, reader.position.epoch);
    for (const [name, payload] of [
        ["subscribe", { room: "castle:1" }],
        ["conquer", {}],
    ]) {
        const ack = await command(socket, name, payload);
        assert.deepEqual([ack.success, ack.code], [false, "bad_request"]);
    }
    assert.deepEqual(await command(socket, "unsubscribe", { room: world.rooms.campaign }), { success: true });
});

for (const [what, auth, code] of [
    ["no token", {}, "token_missing"],
    ["a bad token", { token: "not.a.token" }, "token_invalid"],
    ["a token that has ended", { token: token("ada", -3600) }, "token_expired"],
]) {
    // req: T03
    test(`a polling client with ${what} is refused with ${code}`, async (t) => {
        const error = await event(client(t, server.url, { ...polling, auth }), "connect_error");
        assert.equal(error.message, code);
    });
}

test("a client upgrades from polling to WebSocket without missing anything", async (t) => {
    const socket = client(t, server.url, { transports: ["polling", "websocket"], auth: { token: token("ben") } });
    const upgrade = upgraded(socket);
    await welcomed(socket);
    const reader = await new Reader(socket, world.rooms.settlement).joined();
    const names = Array.from({ length: 20 }, (_, step) => `Upgrade ${step}`);
    for (const name of names) await world.rename(name);
    assert.equal(await upgrade, "websocket");
    await world.rename("Upgraded");
    await reader.hears("Upgraded");
    assert.deepEqual(reader.names, [...names, "Upgraded"]);
});

test("a hundred commands over polling are acknowledged in order", async (t) => {
    const socket = await connected(t, server.url, "ben", polling);
    const answered = [];
    const sent = Array.from({ length: 100 }, (_, number) => number);
    await Promise.all(sent.map((number) => command(socket, "ping").then(() => answered.push(number))));
    assert.deepEqual(answered, sent);
});

// The transport keeps at most 128 packets for a session that polls.
// req: I11 N14
test("a burst that is more than the transport keeps cuts a polling client, which comes back whole", async (t) => {
    const socket = client(t, server.url, { ...polling, auth: { token: token("ben") } });
    const reader = await new Reader(socket, world.rooms.campaign).joined();
    const { offset } = reader.position;
    const publisher = sign({ ...claims("rules"), scope: "events:publish" });
    const burst = Array.from({ length: 280 }, (_, number) => ({
        id: `burst-${number}`,
        type: "state_invalidated",
        payload: { campaignId: world.campaign, scope: "campaign", reason: `Burst ${number}` },
    }));
    const cut = event(socket, "disconnect");
    const response = await fetch(`${server.url}/api/events`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${publisher}` },
        body: JSON.stringify(burst),
    });
    assert.equal(response.status, 200, await response.text());
    assert.match(await cut, /^transport/);
    await reader.reaches(offset + burst.length);
    assert.deepEqual(
        reader.events.map(({ id }) => id),
        burst.map(({ id }) => id),
    );
});

test("a change while many commands wait keeps its place behind the answer to the join", async (t) => {
    const socket = await connected(t, server.url, "ben", polling);
    const order = [];
    socket.on("settlement_updated", ({ offsets }) => order.push(offsets[world.rooms.settlement]));
    for (let round = 0; round < 5; round++) {
        const joined = new Promise((resolve) =>
            socket.emit("subscribe", { room: world.rooms.settlement }, (ack) => {
                order.push(["joined", ack.offset]);
                resolve(ack);
            }),
        );
        await Promise.all([inTime(joined, "the join"), world.rename(`Race ${round}`)]);
        const last = `Race ${round}, last`;
        const told = event(socket, "settlement_updated", ({ payload }) => payload.settlementData?.name === last);
        await world.rename(last);
        await told;
        await command(socket, "unsubscribe", { room: world.rooms.settlement });
    }
    let expected;
    for (const entry of order) {
        if (Array.isArray(entry)) {
            expected = entry[1];
        } else {
            assert.equal(entry, ++expected, JSON.stringify(order));
        }
    }
});

// req: T16
test("a polling client whose server is killed comes back and misses nothing", async (t) => {
    const mortal = await Server.start(t, { POLLING: true });
    const small = await World.make(mortal);
    const socket = client(t, mortal.url, { ...polling, auth: { token: token("ben") } });
    const reader = await new Reader(socket, small.rooms.campaign).joined();
    await small.rename("Before");
    await reader.hears("Before");
    const cut = event(socket, "disconnect");
    await mortal.kill("SIGKILL");
    assert.match(await cut, /^transport/);
    await mortal.again();
    await reader.joined(2);
    await small.rename("After");
    await reader.hears("After");
    assert.deepEqual(reader.names, ["Before", "After"]);
});
