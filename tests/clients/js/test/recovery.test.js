// Cut off, and back by itself: exactly what was missed, once and in order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, command, connected } from "../support/client.js";
import { Reader } from "../support/reader.js";
import { Server } from "../support/server.js";
import { token } from "../support/tokens.js";
import { event, until } from "../support/wait.js";
import { World } from "../support/world.js";

const names = (from, to) => Array.from({ length: to - from + 1 }, (_, step) => `Name ${from + step}`);

// req: T16 N18 N36
test("a client whose transport closes comes back and gets exactly what it missed", async (t) => {
    const server = await Server.start(t);
    const world = await World.make(server);
    const socket = client(t, server.url, { auth: { token: token("ben") } });
    const reader = await new Reader(socket, world.rooms.campaign).joined();
    for (const name of names(1, 3)) await world.rename(name);
    await reader.hears("Name 3");

    // It stays away until told to come back, so that there is something to miss.
    socket.io.reconnection(false);
    const cut = event(socket, "disconnect");
    socket.io.engine.close();
    await cut;
    for (const name of names(4, 9)) await world.rename(name);
    socket.connect();
    await reader.joined(2);
    await world.rename("Name 10");
    await reader.hears("Name 10");

    assert.deepEqual(reader.names, names(1, 10));
    assert.equal(reader.joins[1].recovered, true);
    assert.equal(reader.joins[1].events.length, 6);
    const ids = reader.events.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
});

// req: T21 T16
test("a closed engine is replaced by itself, however often, under a steady stream", async (t) => {
    const server = await Server.start(t, { SUBSCRIBE_BURST: 1000 });
    const world = await World.make(server);
    const socket = client(t, server.url, { auth: { token: token("ben") }, reconnectionDelay: 1, reconnectionDelayMax: 5 });
    const reader = await new Reader(socket, world.rooms.settlement).joined();
    const all = names(1, 60);
    const cutting = (async () => {
        for (let cut = 1; cut <= 8; cut++) {
            await reader.joined(cut);
            socket.io.engine.close();
        }
    })();
    for (const name of all) await world.rename(name);
    await cutting;
    await reader.hears("Name 60");
    // Dense all the way: the reader itself throws at a hole or a repetition.
    assert.deepEqual(reader.names, all);
});

// req: T21 N36 I12
test("a server that is killed and started again: its clients come back by themselves and miss nothing", async (t) => {
    const server = await Server.start(t);
    const world = await World.make(server);
    const sockets = ["ada", "ben", "ben"].map((user) => client(t, server.url, { auth: { token: token(user) } }));
    const readers = sockets.map((socket) => new Reader(socket, world.rooms.campaign));
    await Promise.all(readers.map((reader) => reader.joined()));
    await world.rename("Name 1");
    await Promise.all(readers.map((reader) => reader.hears("Name 1")));

    const cuts = sockets.map((socket) => event(socket, "disconnect"));
    // Its answer is not awaited by anybody who could tell the clients.
    const { version } = await world.rename("Name 2");
    await server.kill("SIGKILL");
    assert.deepEqual(await Promise.all(cuts), ["transport close", "transport close", "transport close"]);
    await server.again();
    await Promise.all(readers.map((reader) => reader.joined(2)));
    const after = await world.rename("Name 3");
    await Promise.all(readers.map((reader) => reader.hears("Name 3")));

    assert.equal(after.version, version + 1, "what was acknowledged is in the database");
    for (const reader of readers) {
        assert.deepEqual(reader.names, names(1, 3));
        assert.equal(reader.joins[1].recovered, true);
    }
});

test("who has missed more than is held is told to read again, and goes on from there", async (t) => {
    const server = await Server.start(t, { RECOVERY_MAX_EVENTS: 3 });
    const world = await World.make(server);
    const socket = client(t, server.url, { auth: { token: token("ben") } });
    const reader = await new Reader(socket, world.rooms.settlement).joined();
    socket.close();
    for (const name of names(1, 4)) await world.rename(name);
    socket.connect();
    await reader.joined(2);
    assert.deepEqual([reader.joins[1].recovered, reader.joins[1].events], [false, []]);
    assert.equal(reader.joins[1].offset, reader.joins[0].offset + 4);
    await world.rename("Name 5");
    await reader.hears("Name 5");
    assert.deepEqual(reader.names, ["Name 5"]);
});

test("a log with a new identity is told, and nobody continues in it as if it were the old one", async (t) => {
    const server = await Server.start(t);
    const world = await World.make(server);
    const socket = client(t, server.url, { auth: { token: token("ben") } });
    const reader = await new Reader(socket, world.rooms.settlement).joined();
    const stale = event(socket, "room_state_invalidated");
    const { code, text } = await server.tool("epoch", "renew");
    assert.equal(code, 0, text);
    assert.deepEqual(await stale, { room: world.rooms.settlement, reason: "epoch_changed" });
    const ack = await command(socket, "subscribe", { room: world.rooms.settlement, position: reader.position });
    assert.deepEqual([ack.success, ack.recovered], [true, false]);
    assert.notEqual(ack.epoch, reader.joins[0].epoch);
});

// req: T21 P01
test("two windows of one user are two connections with the same events", async (t) => {
    const server = await Server.start(t);
    const world = await World.make(server);
    const windows = [await connected(t, server.url, "ben"), await connected(t, server.url, "ben")];
    const readers = windows.map((socket) => new Reader(socket, world.rooms.campaign));
    await Promise.all(readers.map((reader) => reader.joined()));
    for (const name of names(1, 5)) await world.rename(name);
    await Promise.all(readers.map((reader) => reader.hears("Name 5")));
    assert.deepEqual(readers[0].events, readers[1].events);
    windows[0].close();
    await until(() => !windows[0].connected, "the end of one window");
    await world.rename("Name 6");
    await readers[1].hears("Name 6");
});
