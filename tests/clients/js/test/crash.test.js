// A process that is killed without warning, at any moment between a commit and its publishing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, command } from "../support/client.js";
import { Reader } from "../support/reader.js";
import { directory, Server } from "../support/server.js";
import { token } from "../support/tokens.js";
import { World } from "../support/world.js";

/** Renames without a pause until the server is gone; the names whose change was acknowledged. */
async function renameUntilKilled(world, server, label) {
    const acknowledged = [];
    const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let round = 0; ; round++) {
            const name = `${label} ${writer}.${round}`;
            try {
                await world.rename(name, server);
            } catch (error) {
                // `fetch` fails with a TypeError when the connection goes; everything else is a mistake of the server's.
                if (!(error instanceof TypeError)) throw error;
                return;
            }
            acknowledged.push(name);
        }
    });
    return { acknowledged, ended: Promise.all(writers) };
}

// Two processes on one database, and each has only its own memory for a bus: what the first commits, the second can
// know from the log alone. That is what is left of a commit whose process ends before it publishes.
// req: I3 I6 I12
test("what a killed process had committed arrives at another one's clients by the check of the heads", async (t) => {
    const dir = await directory(t);
    const reading = await Server.start(t, {}, dir);
    const world = await World.make(reading);
    const readers = ["ada", "ben"].map((user) => new Reader(client(t, reading.url, { auth: { token: token(user) } }), world.rooms.campaign));
    await Promise.all(readers.map((reader) => reader.joined()));
    const start = readers[0].position.offset;
    const everything = [];
    for (let round = 1; round <= 3; round++) {
        const writing = await Server.start(t, {}, dir);
        const { acknowledged, ended } = await renameUntilKilled(world, writing, `Round ${round}`);
        // In full swing: the signal meets transactions at every stage.
        await readers[0].until(({ names }) => names.filter((name) => name.startsWith(`Round ${round}`)).length > 20, "a stream of changes");
        await writing.kill("SIGKILL");
        await ended;
        assert.ok(acknowledged.length > 10);
        everything.push(...acknowledged);
        for (const reader of readers) {
            await reader.until(({ names }) => acknowledged.every((name) => names.includes(name)), "every acknowledged change");
        }
    }
    // Nothing but the log, all of it, in its order.
    const { epoch } = readers[0].position;
    const log = await readLog(reading, world.rooms.campaign, epoch, start);
    for (const reader of readers) {
        await reader.reaches(log.at(-1).offsets[world.rooms.campaign]);
        assert.deepEqual(reader.events, log);
        assert.equal(reader.joins.length, 1, "its connection was never cut");
    }
    assert.ok(log.length >= everything.length);
    const { code, text } = await reading.tool("doctor");
    assert.equal(code, 0, text);
});

// req: T21 I12
test("a killed process comes back with everything it had acknowledged, and its clients with it", async (t) => {
    const server = await Server.start(t);
    const world = await World.make(server);
    const reader = await new Reader(client(t, server.url, { auth: { token: token("ben") } }), world.rooms.settlement).joined();
    const start = reader.position.offset;
    const { acknowledged, ended } = await renameUntilKilled(world, server, "Kill");
    await reader.until(({ events }) => events.length > 20, "a stream of changes");
    await server.kill("SIGKILL");
    await ended;
    await server.again();
    await reader.joined(2);
    assert.equal(reader.joins[1].recovered, true);
    await reader.until(({ names }) => acknowledged.every((name) => names.includes(name)), "every acknowledged change");
    const log = await readLog(server, world.rooms.settlement, reader.position.epoch, start);
    assert.deepEqual(reader.events, log);
    const socket = await connected(t, server.url, "ada");
    const { offset } = await command(socket, "subscribe", { room: world.rooms.settlement });
    assert.equal(offset, start + log.length);
    assert.equal((await server.tool("doctor")).code, 0);
});

/** The log as HTTP has it. */
async function readLog(server, room, epoch, after) {
    const events = [];
    for (;;) {
        const last = events.at(-1)?.offsets[room] ?? after;
        const response = await fetch(`${server.url}/api/rooms/${room}/events?epoch=${epoch}&after=${last}&limit=200`, {
            headers: { authorization: `Bearer ${token("ada")}` },
        });
        const page = await response.json();
        assert.equal(response.status, 200, JSON.stringify(page));
        if (page.events.length === 0) return events;
        events.push(...page.events);
    }
}
