// The cases of the Engine.IO protocol's reference suite (version 4), against bare sockets and requests. Its server echoes
// messages; ours speaks Socket.IO, so that a CONNECT with a token and the command `ping` stand for the echo.
// One documented difference: the first ping goes out at once and not after the first interval.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { packets, poll, pollingSession, Wire } from "../support/engine.js";
import { Server } from "../support/server.js";
import { token } from "../support/tokens.js";
import { inTime, until } from "../support/wait.js";

const server = await Server.start({ after }, { POLLING: true });
// Who does not answer is soon gone from this one.
const impatient = await Server.start({ after }, { POLLING: true, PING_INTERVAL: "1s", PING_TIMEOUT: "2s" });
const websocketOnly = await Server.start({ after });

const connect = () => `40${JSON.stringify({ token: token("ada") })}`;
const push = (sid, body, at = server) => poll(at, { sid }, { method: "POST", body });

/** Polls until a packet that begins with `start` has come; all packets on the way. */
async function pollFor(sid, start, at = server) {
    const seen = [];
    await until(async () => {
        seen.push(...packets((await poll(at, { sid })).text));
        return seen.some((packet) => packet.startsWith(start));
    }, `the packet ${start}`);
    return seen;
}

/** Whether the session still exists: whoever asks for one that does not is refused. */
const isGone = async (sid) => (await push(sid, "3")).status === 400;

describe("handshake", () => {
    test("polling opens a session with its times", async () => {
        const { status, type, text } = await poll(impatient, {});
        assert.equal(status, 200);
        assert.match(type, /^text\/plain/);
        assert.equal(text[0], "0");
        const { sid, upgrades, pingInterval, pingTimeout, maxPayload } = JSON.parse(text.slice(1));
        assert.equal(typeof sid, "string");
        assert.deepEqual([upgrades, pingInterval, pingTimeout, maxPayload], [["websocket"], 1000, 2000, 65536]);
    });

    test("WebSocket opens a session without further upgrades", async (t) => {
        const { sid, upgrades, pingInterval, pingTimeout } = await new Wire(t, impatient).handshake();
        assert.equal(typeof sid, "string");
        assert.deepEqual([upgrades, pingInterval, pingTimeout], [[], 1000, 2000]);
    });

    test("session ids are long and do not repeat", async () => {
        const sids = new Set();
        for (let round = 0; round < 50; round++) sids.add((await pollingSession(server)).sid);
        assert.equal(sids.size, 50);
        for (const sid of sids) assert.ok(Buffer.from(sid, "base64url").length >= 11, sid);
    });

    for (const EIO of ["", "3", "5", "abc"]) {
        test(`polling with the version '${EIO}' is refused`, async () => {
            assert.equal((await poll(server, { EIO })).status, 400);
        });

        test(`WebSocket with the version '${EIO}' is refused`, async (t) => {
            assert.equal(await new Wire(t, server, { EIO }).outcome, 400);
        });
    }

    for (const transport of ["", "abc"]) {
        test(`the transport '${transport}' is refused over HTTP`, async () => {
            assert.equal((await poll(server, { transport })).status, 400);
        });

        test(`the transport '${transport}' is refused at an upgrade`, async (t) => {
            assert.equal(await new Wire(t, server, { transport }).outcome, 400);
        });
    }

    for (const method of ["POST", "PUT", "DELETE"]) {
        test(`${method} does not open a session`, async () => {
            const { status } = await poll(server, {}, { method });
            assert.ok(status >= 400 && status < 500, String(status));
        });
    }

    test("polling is refused where the server does not offer it", async () => {
        assert.equal((await poll(websocketOnly, {})).status, 400);
    });
});

describe("message", () => {
    test("polling takes a payload of one packet and answers it", async () => {
        const { sid } = await pollingSession(server);
        const { status, text } = await push(sid, connect());
        assert.deepEqual([status, text], [200, "ok"]);
        assert.ok((await pollFor(sid, "42")).some((packet) => packet.startsWith("40{")));
    });

    test("polling takes a payload of several packets and answers in order", async () => {
        const { sid } = await pollingSession(server);
        await push(sid, connect());
        await pollFor(sid, "42");
        await push(sid, ['420["ping"]', '421["ping"]', '422["ping"]'].join("\x1e"));
        const answers = (await pollFor(sid, "432")).filter((packet) => packet.startsWith("43"));
        assert.deepEqual(
            answers.map((packet) => packet.slice(0, 3)),
            ["430", "431", "432"],
        );
    });

    test("WebSocket takes a packet and answers it", async (t) => {
        const wire = new Wire(t, server);
        await wire.handshake();
        wire.send(connect());
        assert.match(await wire.message(), /^40{"sid":"/);
        assert.match(await wire.message(), /^42\["welcome",/);
    });

    test("text beyond the basic plane survives both ways", async (t) => {
        const wire = new Wire(t, server);
        await wire.handshake();
        wire.send(connect());
        await wire.message();
        await wire.message();
        wire.send('421["\u{1F3F0}ï"]');
        assert.match(await wire.message(), /^431\[\{.*'\u{1F3F0}ï'/u);
    });

    test("polling: a packet of an unknown type ends the session", async () => {
        const { sid } = await pollingSession(server);
        const { status } = await push(sid, "abc");
        assert.equal(status, 400);
        await until(() => isGone(sid), "the end of the session");
    });

    test("WebSocket: a packet of an unknown type ends the session", async (t) => {
        const wire = new Wire(t, server);
        await wire.handshake();
        wire.send("abc");
        await wire.end();
    });

    test("polling: a payload above the announced limit is refused", async () => {
        const { sid, maxPayload } = await pollingSession(server);
        const { status } = await push(sid, `4${"x".repeat(maxPayload)}`);
        assert.equal(status, 413);
    });

    test("polling: a second poll at the same time ends the session", async () => {
        const { sid } = await pollingSession(server);
        // The first ping may be taken by a poll of its own.
        await pollFor(sid, "2");
        const [first, second] = await Promise.all([poll(server, { sid }), poll(server, { sid })]);
        assert.ok(first.status === 400 || second.status === 400, `${first.status} ${second.status}`);
        await until(() => isGone(sid), "the end of the session");
    });

    test("polling: a session that never was is refused", async () => {
        assert.equal((await poll(server, { sid: "AAAAAAAAAAAAAAAA" })).status, 400);
        assert.equal((await push("AAAAAAAAAAAAAAAA", "3")).status, 400);
    });
});

describe("heartbeat", () => {
    test("polling: who answers pings stays", async () => {
        const { sid } = await pollingSession(impatient);
        await push(sid, connect(), impatient);
        for (let beat = 0; beat < 4; beat++) {
            await pollFor(sid, "2", impatient);
            assert.equal((await push(sid, "3", impatient)).text, "ok");
        }
    });

    test("WebSocket: who answers pings stays", async (t) => {
        const wire = new Wire(t, impatient);
        await wire.handshake();
        wire.send(connect());
        for (let beat = 0; beat < 4; beat++) {
            let text;
            while ((text = await wire.next()) !== "2") assert.match(text, /^4/);
            wire.send("3");
        }
        wire.send('421["ping"]');
        assert.match(await wire.message(), /^431/);
    });

    test("polling: who does not answer is gone after the interval and the timeout", async () => {
        const { sid } = await pollingSession(impatient);
        await push(sid, connect(), impatient);
        // The polls go on, so that only the missing answers can be the reason.
        await until(async () => (await poll(impatient, { sid })).status === 400, "the end of the session");
    });

    test("WebSocket: who does not answer is closed after the interval and the timeout", async (t) => {
        const wire = new Wire(t, impatient);
        await wire.handshake();
        wire.send(connect());
        const started = Date.now();
        await wire.end();
        // The first ping comes at once, so that the timeout alone may have to pass.
        assert.ok(Date.now() - started < 6000);
    });
});

describe("close", () => {
    test("polling: a close packet ends the session and answers the waiting poll", async () => {
        const { sid } = await pollingSession(server);
        await pollFor(sid, "2");
        const waiting = poll(server, { sid });
        // The poll is there once the server has read it, which only a later answer on another connection would tell:
        // whichever comes first, the session ends and the poll is answered.
        await push(sid, "1");
        await waiting;
        await until(() => isGone(sid), "the end of the session");
    });

    test("WebSocket: a close packet ends the session", async (t) => {
        const wire = new Wire(t, server);
        await wire.handshake();
        wire.send("1");
        await wire.end();
    });
});

describe("upgrade", () => {
    async function upgrade(t) {
        const { sid } = await pollingSession(server);
        await push(sid, connect());
        await pollFor(sid, "42");
        const wire = new Wire(t, server, { sid });
        assert.equal(await wire.outcome, "open");
        wire.send("2probe");
        assert.equal(await wire.message(), "3probe");
        // A client polls until the server has let go of the last poll with a no-operation.
        const last = poll(server, { sid });
        await inTime(last, "the end of the last poll").catch(() => {});
        wire.send("5");
        // The server has read the end of the upgrade once it answers what came after it.
        wire.send('426["ping"]');
        assert.match(await wire.message(), /^436\[/);
        return { sid, wire };
    }

    test("a polling session goes on over a WebSocket", async (t) => {
        const { wire } = await upgrade(t);
        wire.send('427["ping"]');
        assert.match(await wire.message(), /^437\[/);
    });

    test("after the upgrade, polls with the same id are refused and change nothing", async (t) => {
        const { sid, wire } = await upgrade(t);
        assert.equal((await poll(server, { sid })).status, 400);
        wire.send('428["ping"]');
        assert.match(await wire.message(), /^438\[/);
    });

    test("after the upgrade, a second WebSocket with the same id is closed and changes nothing", async (t) => {
        const { sid, wire } = await upgrade(t);
        const second = new Wire(t, server, { sid });
        const outcome = await second.outcome;
        if (outcome === "open") await second.end();
        else assert.equal(outcome, 400);
        wire.send('428["ping"]');
        assert.match(await wire.message(), /^438\[/);
    });
});
