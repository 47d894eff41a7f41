// The most talkative log of a busy session, searched for everything in it that is a secret.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, command, connected, welcomed } from "../support/client.js";
import { poll, Wire } from "../support/engine.js";
import { Reader } from "../support/reader.js";
import { SECRET, Server } from "../support/server.js";
import { claims, sign, token } from "../support/tokens.js";
import { event, inTime } from "../support/wait.js";
import { graphql, World } from "../support/world.js";

for (const format of ["json", "text"]) {
    // req: N31
    test(`no token and no session id is in a log in ${format} at its most talkative`, async (t) => {
        const libraries = ["hyper", "tungstenite", "engineioxide", "socketioxide", "async_graphql", "rusqlite", "tower_http"];
        const filter = ["trace", ...libraries.map((library) => `${library}=trace`)].join();
        const server = await Server.start(t, { LOG_FORMAT: format, LOG_FILTER: filter, POLLING: true, PING_INTERVAL: "1s" });
        const secrets = new Map([["the secret", SECRET]]);
        const keep = (what, secret) => {
            secrets.set(`${what} ${secrets.size}`, secret);
            return secret;
        };
        /** A token whose parts are searched for on their own. */
        const kept = (jwt) => {
            const [, payload, signature] = jwt.split(".");
            if (payload) keep("a token's content", payload);
            if (signature) keep("a token's signature", signature);
            return jwt;
        };
        const world = await World.make(server);

        // Every way a token comes in, good and bad.
        const socket = client(t, server.url, { auth: { token: kept(token("ben", 900)) } });
        await welcomed(socket);
        keep("a session", socket.io.engine.id);
        const header = client(t, server.url, { extraHeaders: { authorization: `Bearer ${kept(token("ben", 901))}` } });
        await welcomed(header);
        keep("a session", header.io.engine.id);
        const asked = await fetch(`${server.url}/api/ws/token`, {
            method: "POST",
            headers: { authorization: `Bearer ${kept(token("ben", 902))}` },
        });
        const ticket = kept((await asked.json()).token);
        await welcomed(client(t, server.url, { query: { token: ticket } }));
        const login = await fetch(`${server.url}/api/dev/login`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ userId: "ben" }),
        });
        const dev = kept((await login.json()).token);
        for (const bad of [kept(token("ben", -3600)), kept(sign(claims("ben"), { secret: "another-secret-that-is-long-enough" })), "gibberish-as-a-token", dev.slice(0, -2)]) {
            await event(client(t, server.url, { auth: { token: bad } }), "connect_error");
            await event(client(t, server.url, { query: { token: bad } }), "connect_error");
            await command(socket, "refresh_token", { token: bad });
            await command(socket, "refresh_token", bad);
            await fetch(`${server.url}/graphql?token=${bad}`, { headers: { authorization: `Bearer ${bad}` } });
        }
        keep("a bad token", "gibberish-as-a-token");
        await command(socket, "refresh_token", { token: kept(token("ben", 1800)) });
        // What no command understands, with a token in the wrong place.
        await command(socket, "subscribe", { room: kept(token("ben", 903)) });
        await command(socket, kept(token("ben", 904)), {});
        await graphql(server, "ada", "query($t: String) { viewer { userId } __typename @skip(if: false) }", { t: kept(token("ada", 905)) }).catch(() => {});

        // Polling has the session id in every address.
        const polling = await connected(t, server.url, "ben", { transports: ["polling"] });
        keep("a polling session", polling.io.engine.id);
        const reader = await new Reader(polling, world.rooms.campaign).joined();
        const upgrading = client(t, server.url, { transports: ["polling", "websocket"], auth: { token: kept(token("ben", 906)) } });
        await inTime(new Promise((resolve) => upgrading.io.once("open", () => upgrading.io.engine.once("upgrade", resolve))), "the upgrade");
        keep("an upgraded session", upgrading.io.engine.id);
        await world.rename("Logged");
        await reader.hears("Logged");

        // Trouble.
        const broken = new Wire(t, server);
        keep("a broken session", (await broken.handshake()).sid);
        broken.send(`40${JSON.stringify({ token: kept(token("ben", 907)) })}`);
        await broken.message();
        broken.send("42{");
        await broken.end();
        const stray = keep("a session that never was", "c3RyYXktc2Vzc2lvbi1pZA");
        assert.equal((await poll(server, { sid: stray })).status, 400);
        for (const open of [socket, polling, upgrading]) open.close();

        assert.equal(await server.kill("SIGTERM"), 0);
        const log = server.log.join("\n");
        // It is the whole log, and a talkative one.
        for (const part of ["Stopped.", polling.welcome.connectionId, "TRACE"]) {
            assert.ok(log.includes(part), part);
        }
        for (const [what, secret] of secrets) {
            const line = server.log.find((text) => text.includes(secret));
            assert.equal(line, undefined, `${what} is in the log`);
        }
        // Whatever else looks like a token.
        assert.doesNotMatch(log, /eyJ[A-Za-z0-9_-]{10,}/);
    });
}
