// The end of a token: the connection is closed so that the client comes back by itself, with a new one.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { client, command, welcomed } from "../support/client.js";
import { poll, pollingSession, Wire } from "../support/engine.js";
import { Reader } from "../support/reader.js";
import { Server } from "../support/server.js";
import { token } from "../support/tokens.js";
import { event, inTime } from "../support/wait.js";
import { World } from "../support/world.js";

const server = await Server.start({ after }, { POLLING: true });
const world = await World.make(server);

/** Hands out a token that ends soon, and then good ones; `asked` is how often. */
function wallet(user, ttl) {
    const purse = { asked: 0, auth: (send) => send({ token: purse.asked++ === 0 ? token(user, ttl) : token(user) }) };
    return purse;
}

const upgraded = (socket) =>
    inTime(new Promise((resolve) => socket.io.engine.once("upgrade", resolve)), "the upgrade");

for (const [what, options] of [
    ["a WebSocket", { transports: ["websocket"] }],
    ["a polling session", { transports: ["polling"] }],
    ["a session upgraded from polling", { transports: ["polling", "websocket"] }],
]) {
    // req: T15 N17
    test(`${what} ends with its token, and the client comes back with a fresh one`, async (t) => {
        const purse = wallet("ben", 3);
        const socket = client(t, server.url, { ...options, auth: purse.auth });
        const upgrade = options.transports.length === 2 && upgraded(socket);
        const expiring = event(socket, "token_expiring");
        const welcome = await welcomed(socket);
        const reader = await new Reader(socket, world.rooms.settlement).joined();
        await upgrade;
        assert.equal((await expiring).expiresAt, welcome.tokenExpiresAt);
        const cut = event(socket, "disconnect");
        const reason = await cut;
        const late = Date.now() - Date.parse(welcome.tokenExpiresAt);
        assert.match(reason, /^transport/, "a transport's end, after which the client comes back by itself");
        assert.ok(late > -100 && late < 5000, `closed ${late} ms after the token's end`);
        await reader.joined(2);
        assert.equal(purse.asked, 2);
        await world.rename(`After the token, ${what}`);
        await reader.hears(`After the token, ${what}`);
    });
}

test("a session that was upgraded twice over has no socket that outlives its token", async (t) => {
    const { sid } = await pollingSession(server);
    await poll(server, { sid }, { method: "POST", body: `40${JSON.stringify({ token: token("ben", 6) })}` });
    const sockets = [];
    // One after the other: which of two at once the transport takes is chance.
    for (let number = 0; number < 2; number++) {
        const socket = new Wire(t, server, { sid });
        assert.equal(await socket.outcome, "open");
        sockets.push(socket);
    }
    // The one that the server knows less of than of the other.
    sockets[0].send("2probe");
    assert.equal(await sockets[0].message(), "3probe");
    sockets[0].send("5");
    await Promise.all(sockets.map((socket) => socket.end()));
});

// req: T15
test("a client that brings a new token in time is not closed", async (t) => {
    const socket = client(t, server.url, { auth: { token: token("ben", 6) } });
    const { tokenExpiresAt } = await welcomed(socket);
    const cuts = [];
    socket.on("disconnect", (reason) => cuts.push(reason));
    await event(socket, "token_expiring");
    const next = event(socket, "token_expiring");
    assert.equal((await command(socket, "refresh_token", { token: token("ben", 9) })).success, true);
    // The new token is announced in its turn; meanwhile the old one's end has passed.
    const { expiresAt } = await next;
    assert.ok(Date.parse(expiresAt) > Date.parse(tokenExpiresAt));
    assert.match(await event(socket, "disconnect"), /^transport/);
    assert.ok(Date.now() >= Date.parse(expiresAt) - 100, "only the new token's end closed it");
    assert.equal(cuts.length, 1);
});

test("a client without a fresh token is refused and stays away", async (t) => {
    const socket = client(t, server.url, { auth: { token: token("ben", 4) } });
    await welcomed(socket);
    // Within the leeway for wrong clocks the old token would still be good; this user has been signed out.
    socket.auth = {};
    assert.match(await event(socket, "disconnect"), /^transport/);
    const error = await event(socket, "connect_error");
    assert.deepEqual([error.message, socket.active], ["token_missing", false]);
});
