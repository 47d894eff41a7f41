// A small world made through GraphQL, as an application would make it.
import assert from "node:assert/strict";
import { token } from "./tokens.js";

/** The data of a GraphQL request that must succeed. */
export async function graphql(server, user, query, variables = {}) {
    const response = await fetch(`${server.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token(user)}` },
        body: JSON.stringify({ query, variables }),
    });
    const body = await response.json();
    assert.equal(body.errors, undefined, JSON.stringify(body.errors));
    return body.data;
}

/** A campaign of ada's with the viewer ben, a settlement in it and a structure in that. */
export class World {
    static async make(server) {
        const world = new World();
        world.server = server;
        const first = await graphql(server, "ada", 'mutation { createCampaign(input: { name: "Test" }) { id } }');
        world.campaign = first.createCampaign.id;
        const second = await graphql(
            server,
            "ada",
            `mutation($c: ID!) {
                setMember(campaignId: $c, userId: "ben", role: VIEWER) { userId }
                createSettlement(input: { campaignId: $c, name: "Town", level: 2, population: 900 }) { id }
            }`,
            { c: world.campaign },
        );
        world.settlement = second.createSettlement.id;
        const third = await graphql(
            server,
            "ada",
            'mutation($s: ID!) { createStructure(input: { settlementId: $s, name: "Wall", kind: WALL, level: 1 }) { id } }',
            { s: world.settlement },
        );
        world.structure = third.createStructure.id;
        world.rooms = {
            campaign: `campaign:${world.campaign}`,
            settlement: `settlement:${world.settlement}`,
            structure: `structure:${world.structure}`,
        };
        return world;
    }

    /** Changes the settlement's name; the settlement after the change. */
    async rename(name, server = this.server) {
        const data = await graphql(
            server,
            "ada",
            "mutation($s: ID!, $n: String!) { updateSettlement(id: $s, input: { name: $n }) { id name version } }",
            { s: this.settlement, n: name },
        );
        return data.updateSettlement;
    }

    setMember(user, role) {
        return graphql(
            this.server,
            "ada",
            "mutation($c: ID!, $u: ID!, $r: Role!) { setMember(campaignId: $c, userId: $u, role: $r) { userId } }",
            { c: this.campaign, u: user, r: role },
        );
    }

    removeMember(user) {
        return graphql(
            this.server,
            "ada",
            "mutation($c: ID!, $u: ID!) { removeMember(campaignId: $c, userId: $u) }",
            { c: this.campaign, u: user },
        );
    }
}
