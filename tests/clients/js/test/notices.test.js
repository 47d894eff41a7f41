// What the server says to one client alone.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { command, connected, record, settled } from "../support/client.js";
import { Server } from "../support/server.js";
import { event } from "../support/wait.js";
import { graphql, World } from "../support/world.js";

const server = await Server.start({ after }, { HEADS_INTERVAL: "500ms" });

// req: I8 T05
test("who is removed is told for every room, hears nothing more, and cannot come back", async (t) => {
    const world = await World.make(server);
    const socket = await connected(t, server.url, "ben");
    for (const room of Object.values(world.rooms)) await command(socket, "subscribe", { room });
    const seen = record(socket);
    const own = await command(socket, "subscribe", { room: "user:ben" });
    assert.equal(own.success, true);
    await world.removeMember("ben");
    await world.rename("Secret");
    await event(socket, "heads", ({ rooms }) => Object.keys(rooms).join() === "user:ben");
    await settled(socket);
    const left = seen.filter(([name]) => name === "unsubscribed").map(([, notice]) => notice);
    assert.deepEqual(
        left.sort((a, b) => a.room.localeCompare(b.room)),
        Object.values(world.rooms).sort().map((room) => ({ room, code: "membership_revoked" })),
    );
    assert.ok(!JSON.stringify(seen).includes("Secret"));
    // The removal itself, once for the campaign and once for the user.
    assert.equal(seen.filter(([name]) => name === "membership_changed").length, 2);
    assert.equal((await command(socket, "subscribe", { room: world.rooms.campaign })).code, "not_found");
});

test("a room that is deleted is left, after the event that says so", async (t) => {
    const world = await World.make(server);
    const socket = await connected(t, server.url, "ben");
    for (const room of Object.values(world.rooms)) await command(socket, "subscribe", { room });
    const seen = record(socket);
    const gone = event(socket, "unsubscribed", ({ room }) => room === world.rooms.campaign);
    await graphql(server, "ada", "mutation($c: ID!) { deleteCampaign(id: $c) }", { c: world.campaign });
    assert.deepEqual(await gone, { room: world.rooms.campaign, code: "deleted" });
    const names = seen.map(([name]) => name).filter((name) => name !== "heads");
    assert.deepEqual(names, ["structure_updated", "unsubscribed", "settlement_updated", "unsubscribed", "entity_updated", "unsubscribed"]);
    for (const room of Object.values(world.rooms)) {
        assert.equal((await command(socket, "subscribe", { room })).code, "not_found");
    }
});

test("heads are told from time to time and follow the events", async (t) => {
    const world = await World.make(server);
    const socket = await connected(t, server.url, "ben");
    const { campaign, settlement } = world.rooms;
    const acks = [await command(socket, "subscribe", { room: campaign }), await command(socket, "subscribe", { room: settlement })];
    const first = await event(socket, "heads");
    assert.deepEqual(first, { epoch: acks[0].epoch, rooms: { [campaign]: acks[0].offset, [settlement]: acks[1].offset } });
    const told = event(socket, "settlement_updated");
    await world.rename("Moved");
    const { offsets } = await told;
    await event(socket, "heads", ({ rooms }) => rooms[campaign] >= offsets[campaign] && rooms[settlement] >= offsets[settlement]);
});

// req: T20 N16
test("the heartbeat goes on unnoticed and a hung server is noticed", async (t) => {
    const hung = await Server.start(t, { PING_INTERVAL: "1s", PING_TIMEOUT: "2s" });
    const socket = await connected(t, hung.url, "ada");
    const pings = [];
    socket.io.on("ping", () => pings.push(Date.now()));
    const cut = event(socket, "disconnect");
    await event(socket.io, "ping");
    await event(socket.io, "ping");
    hung.signal("SIGSTOP");
    assert.equal(await cut, "ping timeout");
    const back = event(socket, "welcome");
    hung.signal("SIGCONT");
    await back;
    assert.ok(pings.length >= 2);
});
