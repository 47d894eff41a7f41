// An application that was written for another Socket.IO server: its own provider, the named commands, one handler a
// name. Nothing in it knows of Fanfare.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { client, settled } from "../support/client.js";
import { Server } from "../support/server.js";
import { token } from "../support/tokens.js";
import { event, until } from "../support/wait.js";
import { graphql, World } from "../support/world.js";

const server = await Server.start({ after });
const world = await World.make(server);

/** As such applications keep it: one socket, and what to subscribe again after every connect. */
class Provider {
    #wanted = new Map();
    received = [];

    constructor(socket) {
        this.socket = socket;
        socket.on("connect", () => {
            for (const [command, payload] of this.#wanted.values()) socket.emit(command, payload, () => {});
        });
        for (const name of ["entity_updated", "state_invalidated", "world_time_changed", "settlement_updated", "structure_updated"]) {
            socket.on(name, ({ type, payload }) => {
                assert.equal(type, name);
                this.received.push([name, payload]);
            });
        }
    }

    subscribe(type, entityId) {
        const payload = { type, entityId };
        this.#wanted.set(`${type}:${entityId}`, [`subscribe_${type}`, payload]);
        return this.socket.emitWithAck(`subscribe_${type}`, payload);
    }

    unsubscribe(type, entityId) {
        this.#wanted.delete(`${type}:${entityId}`);
        return this.socket.emitWithAck(`unsubscribe_${type}`, { type, entityId });
    }
}

const provider = async (t) => {
    const socket = client(t, server.url, { auth: (send) => send({ token: token("ben") }) });
    const made = new Provider(socket);
    await event(socket, "connect");
    return made;
};

// req: T08 T12
test("every kind of change arrives by its name, with the payload it is documented to have", async (t) => {
    const app = await provider(t);
    assert.equal((await app.subscribe("campaign", world.campaign)).success, true);

    const { version } = await world.rename("Haven");
    const { campaign: c, structure: s } = world;
    for (const [mutation, variables] of [
        ["mutation($c: ID!) { advanceWorldTime(campaignId: $c, amount: 3, unit: HOURS) { id } }", { c }],
        ['mutation($c: ID!) { updateCampaign(id: $c, input: { description: "Changed" }) { id } }', { c }],
        ["mutation($s: ID!) { updateStructure(id: $s, input: { level: 2 }) { id } }", { s }],
        ['mutation($c: ID!) { invalidateState(campaignId: $c, input: { scope: CAMPAIGN, reason: "By hand." }) { id } }', { c }],
    ]) {
        await graphql(server, "ada", mutation, variables);
    }
    const byHand = ([, { reason }]) => reason === "By hand.";
    await until(() => app.received.some(byHand), "the last event");

    const last = (name) => app.received.findLast(([received]) => received === name)[1];
    const settlement = last("settlement_updated");
    assert.deepEqual(
        [settlement.settlementId, settlement.campaignId, settlement.operation, settlement.version, settlement.changedFields],
        [world.settlement, world.campaign, "update", version, ["name"]],
    );
    assert.equal(settlement.settlementData.name, "Haven");
    const time = last("world_time_changed");
    assert.deepEqual(time.elapsed, { value: 3, unit: "HOURS" });
    assert.equal(Date.parse(time.newTime) - Date.parse(time.previousTime), 3 * 3_600_000);
    const entity = last("entity_updated");
    assert.deepEqual([entity.entityType, entity.entityId, entity.changedFields], ["campaign", world.campaign, ["description"]]);
    const structure = last("structure_updated");
    assert.deepEqual([structure.structureId, structure.settlementId, structure.operation], [world.structure, world.settlement, "update"]);
    assert.equal(last("state_invalidated").scope, "campaign");
});

// req: T16
test("its subscriptions survive a cut, and what it left stays left", async (t) => {
    const app = await provider(t);
    await app.subscribe("settlement", world.settlement);
    await app.subscribe("structure", world.structure);
    await app.unsubscribe("structure", world.structure);
    const back = event(app.socket, "connect");
    app.socket.io.engine.close();
    await back;
    await settled(app.socket);
    app.received.length = 0;
    await graphql(server, "ada", "mutation($s: ID!) { updateStructure(id: $s, input: { level: 3 }) { id } }", { s: world.structure });
    const told = event(app.socket, "settlement_updated", ({ payload }) => payload.settlementData?.name === "Again");
    await world.rename("Again");
    await told;
    // The structure's change was for the campaign, its settlement and itself: here it came by the settlement's room alone.
    const structures = app.received.filter(([name]) => name === "structure_updated");
    assert.equal(structures.length, 1);
});
