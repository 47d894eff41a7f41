// SIGTERM: everybody is told, sent away at a pace, and served by the next instance.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected } from "../support/client.js";
import { Reader } from "../support/reader.js";
import { Server } from "../support/server.js";
import { token } from "../support/tokens.js";
import { event } from "../support/wait.js";
import { World } from "../support/world.js";

const kinds = [
    ["WebSockets", { transports: ["websocket"] }],
    ["polling sessions", { transports: ["polling"] }],
    ["sessions upgraded from polling", { transports: ["polling", "websocket"] }],
];

for (const [what, options] of kinds) {
    // req: T21 N36
    test(`${what} are told of the end, closed, and go on at a second instance on the same port`, async (t) => {
        // 200 clients a second in batches of 50: two batches, so that their delays differ.
        const settings = { POLLING: true, DRAIN_RATE: 200, MAX_CONNECTIONS_PER_USER: 100 };
        const server = await Server.start(t, settings);
        const world = await World.make(server);
        const sockets = [];
        for (let tab = 0; tab < 60; tab++) {
            sockets.push(client(t, server.url, { ...options, auth: { token: token("ben") }, reconnectionDelayMax: 500 }));
        }
        const readers = sockets.map((socket) => new Reader(socket, world.rooms.settlement));
        await Promise.all(readers.map((reader) => reader.joined()));
        await world.rename("Before");
        await Promise.all(readers.map((reader) => reader.hears("Before")));

        const told = Promise.all(sockets.map((socket) => event(socket, "draining")));
        const cuts = Promise.all(sockets.map((socket) => event(socket, "disconnect", undefined, 30_000)));
        const started = Date.now();
        const ended = server.kill("SIGTERM");
        const delays = new Set((await told).map(({ reconnectAfterMs }) => reconnectAfterMs));
        assert.ok(delays.size >= 2, "not everybody comes back at once");
        for (const reason of await cuts) assert.match(reason, /^transport/, "after which clients come back by themselves");
        assert.equal(await ended, 0);
        assert.ok(Date.now() - started < 15_000, `the end took ${Date.now() - started} ms`);

        await server.again();
        await Promise.all(readers.map((reader) => reader.joined(2)));
        await world.rename("After");
        await Promise.all(readers.map((reader) => reader.hears("After")));
        for (const reader of readers) {
            assert.deepEqual(reader.names, ["Before", "After"]);
            assert.equal(reader.joins[1].recovered, true);
        }
    });
}

test("an instance that goes away admits nobody, and the client that tries finds the next one", async (t) => {
    // Slow enough that there is time to knock.
    const server = await Server.start(t, { DRAIN_RATE: 10 });
    const present = await connected(t, server.url, "ada");
    const draining = event(present, "draining");
    const ended = server.kill("SIGTERM");
    await draining;
    const late = client(t, server.url, { auth: { token: token("ben") } });
    const error = await event(late, "connect_error");
    assert.deepEqual([error.type, late.active], ["TransportError", true]);
    const ready = await fetch(`${server.url}/readyz`);
    assert.equal(ready.status, 503);
    assert.equal(await ended, 0);
    const [came, stayed] = [event(late, "welcome"), event(present, "welcome")];
    await server.again();
    await Promise.all([came, stayed]);
});
