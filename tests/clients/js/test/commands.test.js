// Every command, with its acknowledgement.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { command, connected, record, settled } from "../support/client.js";
import { Server } from "../support/server.js";
import { token } from "../support/tokens.js";
import { event } from "../support/wait.js";
import { World } from "../support/world.js";

const server = await Server.start({ after }, { MAILBOX_SIZE: 2000 });
const world = await World.make(server);
const { campaign, settlement, structure } = world.rooms;
const absent = "campaign:0193d5b0-0000-7000-8000-000000000000";

// req: T02 T04
test("subscribe answers where the room stands, and unsubscribe ends it", async (t) => {
    const socket = await connected(t, server.url, "ben");
    const ack = await command(socket, "subscribe", { room: settlement });
    assert.deepEqual(Object.keys(ack).sort(), ["epoch", "events", "offset", "recovered", "room", "success"]);
    assert.deepEqual([ack.success, ack.room, ack.recovered, ack.events], [true, settlement, false, []]);
    assert.equal(ack.epoch, socket.welcome.epoch);
    const told = event(socket, "settlement_updated");
    await world.rename("First");
    assert.equal((await told).offsets[settlement], ack.offset + 1);
    assert.deepEqual(await command(socket, "unsubscribe", { room: settlement }), { success: true });
    const seen = record(socket);
    await world.rename("Second");
    await settled(socket);
    assert.deepEqual(seen, []);
});

test("subscribe_many answers for each room, in order", async (t) => {
    const socket = await connected(t, server.url, "ben");
    const rooms = [structure, absent, campaign, "user:ben"];
    const ack = await command(socket, "subscribe_many", { rooms: rooms.map((room) => ({ room })) });
    assert.equal(ack.success, true);
    assert.deepEqual(
        ack.results.map(({ success, room, code }) => [success, room, code]),
        [[true, structure, undefined], [false, absent, "not_found"], [true, campaign, undefined], [true, "user:ben", undefined]],
    );
});

// req: T04
for (const kind of ["campaign", "settlement", "structure"]) {
    test(`subscribe_${kind} and unsubscribe_${kind} take the id under either name`, async (t) => {
        const socket = await connected(t, server.url, "ben");
        for (const payload of [{ [`${kind}Id`]: world[kind] }, { entityId: world[kind], type: kind }]) {
            const joined = await command(socket, `subscribe_${kind}`, payload);
            assert.deepEqual([joined.success, joined.room], [true, world.rooms[kind]]);
            assert.deepEqual(await command(socket, `unsubscribe_${kind}`, payload), { success: true });
        }
    });
}

// req: B06 N21
test("ping answers the server's time, with and without a payload", async (t) => {
    const socket = await connected(t, server.url, "ben");
    for (const payload of [[], [null], [{}]]) {
        const ack = await command(socket, "ping", ...payload);
        assert.equal(ack.success, true);
        assert.ok(Math.abs(Date.parse(ack.serverTime) - Date.now()) < 60_000);
    }
});

// req: T15
test("refresh_token keeps the connection going, and only for the same user", async (t) => {
    const socket = await connected(t, server.url, "ben", { auth: { token: token("ben", 600) } });
    assert.deepEqual(await command(socket, "refresh_token", { token: token("ben", 1200) }), { success: true });
    for (const [bad, code] of [
        [token("ada"), "forbidden"],
        [token("ben", 60), "bad_request"],
        [token("ben", -3600), "token_expired"],
        ["nonsense", "token_invalid"],
    ]) {
        const ack = await command(socket, "refresh_token", { token: bad });
        assert.deepEqual([ack.success, ack.code], [false, code]);
    }
    assert.equal((await command(socket, "ping")).success, true);
});

// req: B21
test("presence tells who is there, who comes and who goes", async (t) => {
    const [watcher, visitor] = [await connected(t, server.url, "ada"), await connected(t, server.url, "ben")];
    const members = event(watcher, "presence");
    assert.deepEqual(await command(watcher, "presence_subscribe", { room: structure }), { success: true });
    assert.deepEqual(await members, { room: structure, members: [] });
    const joined = event(watcher, "presence");
    await command(visitor, "subscribe", { room: structure });
    assert.deepEqual(await joined, { room: structure, joined: ["ben"] });
    const left = event(watcher, "presence");
    visitor.close();
    assert.deepEqual(await left, { room: structure, left: ["ben"] });
    assert.deepEqual(await command(watcher, "presence_unsubscribe", { room: structure }), { success: true });
});

// req: T05
test("a stranger cannot tell a room that is not theirs from one that does not exist", async (t) => {
    const socket = await connected(t, server.url, "mallory");
    for (const name of ["subscribe", "presence_subscribe"]) {
        const [real, none] = [await command(socket, name, { room: campaign }), await command(socket, name, { room: absent })];
        assert.equal(real.code, "not_found");
        assert.deepEqual({ ...real, room: undefined }, { ...none, room: undefined });
    }
});

for (const [what, name, payload] of [
    ["no payload", "subscribe", []],
    ["a payload that is null", "subscribe", [null]],
    ["a text for a payload", "subscribe", ["campaign"]],
    ["a room that is a number", "subscribe", [{ room: 7 }]],
    ["a room of no kind", "subscribe", [{ room: "castle:1" }]],
    ["a negative offset", "subscribe", [{ room: campaign, position: { epoch: "e", offset: -1 } }]],
    ["half an offset", "subscribe", [{ room: campaign, position: { epoch: "e", offset: 1.5 } }]],
    ["rooms that are no list", "subscribe_many", [{ rooms: {} }]],
    ["no id", "subscribe_campaign", [{}]],
    ["an unknown command", "conquer", [{}]],
    ["a payload that is too deep", "subscribe", [JSON.parse("[".repeat(40) + "]".repeat(40))]],
]) {
    test(`${what} is answered with bad_request, and the connection goes on`, async (t) => {
        const socket = await connected(t, server.url, "ben");
        const ack = await command(socket, name, ...payload);
        assert.deepEqual([ack.success, ack.code], [false, "bad_request"]);
        assert.equal(typeof ack.error, "string");
        assert.equal((await command(socket, "ping")).success, true);
    });
}

test("a foreign epoch and an offset of the future are not recovered", async (t) => {
    const socket = await connected(t, server.url, "ben");
    const { epoch, offset } = await command(socket, "subscribe", { room: campaign });
    for (const position of [{ epoch: "another", offset }, { epoch, offset: Number.MAX_SAFE_INTEGER }]) {
        const ack = await command(socket, "subscribe", { room: campaign, position });
        assert.deepEqual([ack.success, ack.recovered, ack.events, ack.offset], [true, false, [], offset]);
    }
});

test("a thousand commands are acknowledged in the order they were sent", async (t) => {
    const socket = await connected(t, server.url, "ben");
    const answered = [];
    const sent = Array.from({ length: 1000 }, (_, number) => number);
    // Two kinds in turn, of which one has to wait for the room's task.
    const acks = sent.map((number) =>
        command(socket, number % 2 ? "ping" : "unsubscribe", { room: campaign }).then(() => answered.push(number)),
    );
    await Promise.all(acks);
    assert.deepEqual(answered, sent);
});

test("a command without an acknowledgement is carried out", async (t) => {
    const socket = await connected(t, server.url, "ben");
    socket.emit("subscribe", { room: settlement });
    await settled(socket);
    const told = event(socket, "settlement_updated");
    await world.rename("Heard");
    await told;
});

test("binary content ends the sender's transport, nobody else's, and the client comes back", async (t) => {
    const [socket, bystander] = [await connected(t, server.url, "ada"), await connected(t, server.url, "ben")];
    const cut = event(socket, "disconnect");
    const back = event(socket, "welcome");
    socket.emit("subscribe", { room: Buffer.from("campaign") });
    assert.match(await cut, /^transport/);
    await back;
    assert.equal((await command(socket, "ping")).success, true);
    assert.equal((await command(bystander, "ping")).success, true);
});

test("a message above the limit ends the sender's transport, nobody else's, and the client comes back", async (t) => {
    const [socket, bystander] = [await connected(t, server.url, "ada"), await connected(t, server.url, "ben")];
    const cut = event(socket, "disconnect");
    const back = event(socket, "welcome");
    socket.emit("ping", "x".repeat(70_000));
    assert.match(await cut, /^transport/);
    await back;
    assert.equal((await command(bystander, "ping")).success, true);
});
