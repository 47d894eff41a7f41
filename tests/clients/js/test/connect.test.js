// Who gets in, with which token from where, and what a refusal looks like to the official client.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { client, command, connected, welcomed } from "../support/client.js";
import { Wire } from "../support/engine.js";
import { Server } from "../support/server.js";
import { claims, sign, token } from "../support/tokens.js";
import { event, until } from "../support/wait.js";

const PAGE = "https://app.example.org";

const server = await Server.start({ after }, { ALLOWED_ORIGINS: PAGE });

const refusal = (t, options) => event(client(t, server.url, options), "connect_error");

// req: T03
test("a token in the payload is welcomed, with what the client has to know", async (t) => {
    const socket = await connected(t, server.url, "ada");
    const { protocol, userId, connectionId, epoch, tokenExpiresAt, serverTime, reconnect } = socket.welcome;
    assert.deepEqual([protocol, userId], [1, "ada"]);
    assert.deepEqual(reconnect, { minMs: 1000, maxMs: 32000, jitter: true, maxAttempts: 10 });
    assert.ok(Date.parse(tokenExpiresAt) > Date.parse(serverTime));
    assert.ok(epoch.length > 0);
    // The public id is not the session id, which is a secret.
    assert.notEqual(connectionId, socket.id);
    assert.notEqual(connectionId, socket.io.engine.id);
});

// req: N07
test("a token in the Authorization header is welcomed", async (t) => {
    const socket = client(t, server.url, { extraHeaders: { authorization: `Bearer ${token("ada")}` } });
    assert.equal((await welcomed(socket)).userId, "ada");
});

// req: N08 N09
test("the query takes a ticket and nothing else", async (t) => {
    const asked = await fetch(`${server.url}/api/ws/token`, {
        method: "POST",
        headers: { authorization: `Bearer ${token("ada")}` },
    });
    const ticket = (await asked.json()).token;
    assert.equal((await welcomed(client(t, server.url, { query: { token: ticket } }))).userId, "ada");
    const long = await refusal(t, { query: { token: token("ada") } });
    assert.equal(long.message, "token_invalid");
    const misplaced = await refusal(t, { auth: { token: ticket } });
    assert.equal(misplaced.message, "token_invalid");
});

test("a token of the development login is a token", async (t) => {
    const asked = await fetch(`${server.url}/api/dev/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ userId: "ada", name: "Ada" }),
    });
    const socket = client(t, server.url, { auth: { token: (await asked.json()).token } });
    assert.equal((await welcomed(socket)).userId, "ada");
});

const good = claims("ada");
const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${sign(good).split(".")[1]}.`;
for (const [what, auth, code] of [
    ["no token", {}, "token_missing"],
    ["something that is no token", { token: "not.a.token" }, "token_invalid"],
    ["a token that is not a text", { token: 7 }, "token_invalid"],
    ["a token without a signature", { token: unsigned }, "token_invalid"],
    ["a token of another secret", { token: sign(good, { secret: "another-secret-that-is-long-enough" }) }, "token_invalid"],
    ["a token that claims another algorithm", { token: sign(good, { header: { alg: "RS256" } }) }, "token_invalid"],
    ["a token for somebody else's server", { token: sign({ ...good, aud: "other" }) }, "token_invalid"],
    ["a token of another issuer", { token: sign({ ...good, iss: "other" }) }, "token_invalid"],
    ["a token of nobody", { token: sign({ ...good, sub: undefined }) }, "token_invalid"],
    ["a token whose end is a text", { token: sign({ ...good, exp: "tomorrow" }) }, "token_invalid"],
    ["a token that has ended", { token: sign(claims("ada", -3600)) }, "token_expired"],
    ["a user id that is not the token's", { token: sign(good), userId: "ben" }, "forbidden"],
]) {
    // req: T03 N17
    test(`${what} is refused with ${code}, and the client can try again`, async (t) => {
        let next = auth;
        const socket = client(t, server.url, { auth: (send) => send(next) });
        const error = await event(socket, "connect_error");
        assert.equal(error.message, code);
        // socket.io-client does not retry a CONNECT_ERROR by itself.
        assert.deepEqual([socket.connected, socket.active], [false, false]);
        next = { token: token("ada") };
        const welcome = welcomed(socket);
        socket.connect();
        assert.equal((await welcome).userId, "ada");
    });
}

// req: T25
test("more connections than a user may have are refused with connection_limit", async (t) => {
    for (let tab = 0; tab < 10; tab++) await connected(t, server.url, "cyd");
    const error = await refusal(t, { auth: { token: token("cyd") } });
    assert.equal(error.message, "connection_limit");
    // Nobody else is concerned.
    await connected(t, server.url, "dan");
});

test("a namespace that does not exist is refused", async (t) => {
    const error = await event(client(t, `${server.url}/nowhere`, { auth: { token: token("ada") } }), "connect_error");
    assert.match(error.message, /[Ii]nvalid namespace/);
});

// req: T01
test("a page of a foreign origin is refused before the upgrade, and one of ours is not", async (t) => {
    const page = (origin) => ({ auth: { token: token("ada") }, extraHeaders: { origin } });
    const error = await refusal(t, page("https://evil.example.org"));
    assert.equal(error.type, "TransportError");
    assert.equal((await welcomed(client(t, server.url, page(PAGE)))).userId, "ada");
});

test("a polling client is refused while polling is off", async (t) => {
    const error = await refusal(t, { transports: ["polling"], auth: { token: token("ada") } });
    assert.equal(error.type, "TransportError");
});

// req: T25
test("a busy address is refused for a while, and the client comes in by itself", async (t) => {
    const server = await Server.start(t, { MAX_UNAUTHENTICATED_PER_ADDRESS: 1, CONNECT_TIMEOUT: "5s" });
    const silent = new Wire(t, server);
    await silent.handshake();
    const socket = client(t, server.url, { auth: { token: token("ada") } });
    const error = await event(socket, "connect_error");
    assert.equal(error.type, "TransportError");
    assert.equal(socket.active, true, "the client goes on trying");
    silent.ws.terminate();
    await event(socket, "welcome");
});

test("a client that closes is gone from the server", async (t) => {
    const server = await Server.start(t, { MAX_CONNECTIONS_PER_USER: 1 });
    const first = await connected(t, server.url, "ada");
    first.close();
    // Its place is free again as soon as the server has noticed.
    const second = client(t, server.url, { auth: { token: token("ada") } });
    await until(() => second.connected || (second.connect(), false), "a free place");
    assert.equal((await command(second, "ping")).success, true);
});
