// The end of a user's access: whatever the transport, the client comes back by itself and is told why it may not.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { client, command, connected, welcomed } from "../support/client.js";
import { Server } from "../support/server.js";
import { claims, sign, token } from "../support/tokens.js";
import { event, inTime } from "../support/wait.js";

const server = await Server.start({ after }, { POLLING: true });

/** A token that was issued a minute ago. */
const oldToken = (user) => sign({ ...claims(user), iat: Math.floor(Date.now() / 1000) - 60 });

/** Revokes the user's tokens that are older than half a minute. */
async function revoke(user) {
    const admin = sign({ ...claims("root"), scope: "admin" });
    const answer = await fetch(`${server.url}/api/users/${encodeURIComponent(user)}/revoke`, {
        method: "POST",
        headers: { authorization: `Bearer ${admin}`, "content-type": "application/json" },
        body: JSON.stringify({ notBefore: new Date(Date.now() - 30_000).toISOString() }),
    });
    assert.equal(answer.status, 200);
}

for (const [what, transports] of [
    ["a WebSocket", ["websocket"]],
    ["a polling session", ["polling"]],
    ["a session upgraded from polling", ["polling", "websocket"]],
]) {
    // req: T03 T25 N17
    test(`${what} ends with its user's access, and only a newer token opens the next`, async (t) => {
        const user = `mallory-${transports.join("-")}`;
        let next = oldToken(user);
        const socket = client(t, server.url, { transports, auth: (send) => send({ token: next }) });
        const upgrade = transports.length === 2 && new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
        await welcomed(socket);
        if (upgrade) await inTime(upgrade, "the upgrade");
        const bystander = await connected(t, server.url, "ada");
        const cut = event(socket, "disconnect");
        const refused = event(socket, "connect_error", (error) => error.message === "token_revoked");
        await revoke(user);
        assert.match(await cut, /^transport/, "after which the client comes back by itself");
        await refused;
        assert.equal(socket.active, false, "it does not go on trying");
        next = token(user);
        socket.connect();
        assert.equal((await welcomed(socket)).userId, user);
        assert.equal((await command(bystander, "ping")).success, true);
    });
}
