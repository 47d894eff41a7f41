import { gql, InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { describe, expect, it } from "vitest";
import { bindApolloCache, type EntityPolicy } from "../../src/apollo/index.js";
import type { EventPayloads } from "../../src/index.js";
import { CAMPAIGN, campaign, fakeTime, pass, settle } from "../support.js";
import { bound, frame, SETTLEMENT, SETTLEMENTS } from "./support.js";

fakeTime();

/** An item of one's own: in the list of its character, in the order of its place. */
const ITEM: EntityPolicy = {
  typeName: "Item",
  kind: "item",
  lists: [
    { on: "Character", field: "items", where: { id: "characterId" } },
    { on: "Query", field: "items" },
  ],
  order: "place",
  computed: ["weight"],
  objects: { look: "Look" },
};

const CHARACTER = gql`
  fragment Character on Character { id items { id name place weight look { color } } }
`;
const ITEMS = gql`
  query Items { items { id name place } }
`;

const item = (
  entityId: string,
  change: Partial<EventPayloads["entity_updated"]>,
): EventPayloads["entity_updated"] => ({
  entityType: "item",
  entityId,
  campaignId: CAMPAIGN,
  operation: "update",
  version: 2,
  changedFields: [],
  ...change,
});

async function inventory(policies: readonly EntityPolicy[] = [ITEM]) {
  const setup = await bound({ policies });
  const { cache } = setup;
  const entry = (id: string, place: number) => ({
    __typename: "Item",
    id,
    name: id,
    place,
    weight: 1,
    version: 1,
    look: { __typename: "Look", color: "red" },
  });
  const whole = gql`
    fragment Whole on Character { id items { id name place weight version look { color } } }
  `;
  for (const [id, items] of [
    ["x", [entry("sword", 1), entry("rope", 3)]],
    ["y", []],
  ] as const) {
    cache.writeFragment({
      id: `Character:${id}`,
      fragment: whole,
      data: { __typename: "Character", id, items },
    });
  }
  cache.writeQuery({ query: ITEMS, data: { items: [entry("sword", 1), entry("rope", 3)] } });
  const read = (id: string) =>
    cache.readFragment<{ items: Record<string, unknown>[] }>({ id: `Character:${id}`, fragment: CHARACTER })
      ?.items;
  return { ...setup, read };
}

describe("a policy of one's own", () => {
  it("keeps a type's entities and lists, in their order", async () => {
    const { server, cache, read } = await inventory();
    const values = { name: "lamp", place: 2, characterId: "x", weight: 4, look: { color: "blue" } };
    server.publish(
      "entity_updated",
      item("lamp", { operation: "create", version: 1, entityData: { id: "lamp", ...values } }),
    );
    server.publish(
      "entity_updated",
      item("sword", { changedFields: ["look"], entityData: { look: { color: "gold" } } }),
    );
    await frame();
    expect(read("x")).toMatchObject([
      { id: "sword", look: { color: "gold" } },
      { id: "lamp", look: { __typename: "Look", color: "blue" } },
      { id: "rope" },
    ]);
    expect(cache.readQuery({ query: ITEMS })).toMatchObject({ items: [{}, { id: "lamp" }, {}] });
    server.publish(
      "entity_updated",
      item("sword", { operation: "delete", version: 3, entityData: { characterId: "x" } }),
    );
    await frame();
    expect(read("x")?.map(({ id }) => id)).toEqual(["lamp", "rope"]);
  });

  it("moves an entity to another owner's list", async () => {
    const { server, read } = await inventory();
    server.publish(
      "entity_updated",
      item("rope", { changedFields: ["characterId"], entityData: { place: 3, characterId: "y" } }),
    );
    await frame();
    expect(read("x")?.map(({ id }) => id)).toEqual(["sword"]);
    expect(read("y")?.map(({ id }) => id)).toEqual(["rope"]);
  });

  it("has a page read again that an entity has left for another list", async () => {
    const { server, cache } = await bound({
      policies: [
        {
          ...ITEM,
          order: "id",
          lists: [{ on: "Query", field: "items", where: { characterId: "characterId" } }],
        },
      ],
    });
    const query = gql`
      query Page($characterId: ID!) {
        items(characterId: $characterId, first: 2) {
          nodes { id characterId name version } pageInfo { hasNextPage }
        }
      }
    `;
    const entry = (id: string) => ({ __typename: "Item", id, characterId: "x", name: id, version: 1 });
    const variables = { characterId: "x" };
    const pageInfo = { __typename: "PageInfo", hasNextPage: true };
    const nodes = [entry("lamp"), entry("rope")];
    cache.writeQuery({
      query,
      variables,
      data: { items: { __typename: "ItemConnection", nodes, pageInfo } },
    });
    server.publish(
      "entity_updated",
      item("rope", { changedFields: ["characterId"], entityData: { id: "rope", characterId: "y" } }),
    );
    await frame();
    expect(cache.readQuery({ query, variables })).toBeNull();
  });

  it("has a reference to another entity read again when an event names it, and only then", async () => {
    const { server, cache } = await bound({ policies: [{ typeName: "Item", kind: "item" }] });
    const query = gql`
      query One { item { id name version owner { id name } } }
    `;
    for (const field of ["owner", "ownerId"]) {
      const owner = { __typename: "Character", id: "x", name: "Xan" };
      cache.writeQuery({
        query,
        data: { item: { __typename: "Item", id: "i", name: "Sword", version: 1, owner } },
      });
      const event = (version: number, changed: string) =>
        item("i", { version, changedFields: [changed], entityData: { name: "Blade", ownerId: "y" } });
      server.publish("entity_updated", event(2, "name"));
      await frame();
      expect(cache.extract()["Item:i"]).toMatchObject({ name: "Blade", owner: { __ref: "Character:x" } });
      server.publish("entity_updated", event(3, field));
      await frame();
      expect(cache.extract()["Item:i"]).not.toHaveProperty("owner");
    }
  });

  it("says which fields are computed", async () => {
    const { server, cache } = await inventory();
    server.publish("state_invalidated", {
      campaignId: CAMPAIGN,
      scope: "entity",
      entities: [{ entityType: "item", entityId: "sword" }],
    });
    await frame();
    expect(cache.extract()["Item:sword"]).not.toHaveProperty("weight");
    expect(cache.extract()["Item:rope"]).toHaveProperty("weight");
  });

  it("of which the order is unknown has its lists read again", async () => {
    const { server, cache } = await inventory([{ ...ITEM, order: null }]);
    server.publish(
      "entity_updated",
      item("lamp", {
        operation: "create",
        version: 1,
        entityData: { id: "lamp", place: 2, characterId: "x" },
      }),
    );
    await frame();
    expect(cache.extract()["Character:x"]).not.toHaveProperty("items");
    expect(cache.extract()["Character:y"]).toHaveProperty("items");
  });

  it("that lacks something is refused with a sentence that says what", async () => {
    const { apollo, fanfare, binding } = await bound();
    const wrong = (policy: object) => () => bindApolloCache(fanfare, apollo, [policy as EntityPolicy]);
    expect(wrong({})).toThrow("A policy needs a `typeName`.");
    expect(wrong({ typeName: "Item", key: [] })).toThrow(/empty `key`/);
    expect(wrong({ typeName: "Item", lists: [{ on: "Character", field: "items" }] })).toThrow(
      /Character\.items needs `where`/,
    );
    binding.unbind();
  });
});

/** A list of seven, of which three pages of two are gathered and shown. */
async function gathered() {
  const cache = new InMemoryCache({
    typePolicies: { Query: { fields: { settlements: relayStylePagination(["campaignId"]) } } },
  });
  const query = gql`
    query Gathered($campaignId: ID!, $first: Int, $after: String) {
      settlements(campaignId: $campaignId, first: $first, after: $after) {
        edges { cursor node { id name defense version } } pageInfo { hasNextPage endCursor }
      }
    }
  `;
  const all = await bound({ cache });
  for (const number of [3, 4, 5, 6, 7]) {
    all.world.settlement(CAMPAIGN, `s-00${number}`);
  }
  const page = await all.show(query, { campaignId: CAMPAIGN, first: 2 });
  const next = async (after: string) => {
    const more = page.query.fetchMore({ variables: { after } });
    await pass(5);
    await more;
  };
  await next("s-002");
  await next("s-004");
  const nodes = () =>
    (
      page.now()["settlements"] as { edges: { node: { id: string; name: string; defense: number } }[] }
    ).edges.map(({ node }) => node);
  return { ...all, page, next, nodes, ids: () => nodes().map(({ id }) => id) };
}

describe("pages that the cache gathers", () => {
  it("are one shorter after a deletion, of which nothing has to be read", async () => {
    const { world, next, ids, page } = await gathered();
    world.deleteSettlement("s-003");
    await pass(1000);
    expect(ids()).toEqual(["s-001", "s-002", "s-004", "s-005", "s-006"]);
    expect(world.asked("Gathered")).toBe(3);
    await next("s-006");
    expect(ids()).toEqual(["s-001", "s-002", "s-004", "s-005", "s-006", "s-007"]);
    expect(page.now()["settlements"]).toMatchObject({ pageInfo: { hasNextPage: false, endCursor: "s-007" } });
  });

  it("are read again as one, to the last entry that is shown", async () => {
    const { server, world, nodes, page } = await gathered();
    world.defense.set("s-006", 40);
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign", fields: ["defense"] });
    await pass(1000);
    expect(nodes()).toHaveLength(6);
    expect(nodes().at(-1)).toMatchObject({ id: "s-006", defense: 40 });
    world.changeSilently("s-005", { name: "Missed" });
    server.invalidate(campaign, "unverified");
    await pass(1000);
    expect(nodes()).toHaveLength(6);
    expect(nodes()[4]).toMatchObject({ id: "s-005", name: "Missed" });
    expect(world.asked("Gathered")).toBe(5);
    const lengths = page.seen.map(
      (data) => (data as { settlements: { edges: [] } }).settlements.edges.length,
    );
    expect(lengths).toEqual([...lengths].sort());
  });
});

describe("a cache with policies of the application's", () => {
  it("that gathers pages gets new entities at the end, and loses deleted ones", async () => {
    const cache = new InMemoryCache({
      typePolicies: { Query: { fields: { settlements: relayStylePagination(["campaignId"]) } } },
    });
    const query = gql`
      query Gathered($campaignId: ID!, $first: Int, $after: String) {
        settlements(campaignId: $campaignId, first: $first, after: $after) {
          edges { cursor node { id name } } pageInfo { hasNextPage endCursor }
        }
      }
    `;
    const { world, show } = await bound({ cache });
    const page = await show(query, { campaignId: CAMPAIGN, first: 1 });
    const more = page.query.fetchMore({ variables: { after: "s-001" } });
    await settle();
    await more;
    world.createSettlement(CAMPAIGN, "s-003");
    world.deleteSettlement("s-001");
    await frame();
    expect(page.now()["settlements"]).toMatchObject({
      edges: [{ node: { id: "s-002" } }, { cursor: "s-003", node: { id: "s-003" } }],
      pageInfo: { endCursor: "s-003" },
    });
    expect(world.asked("Gathered")).toBe(2);
  });

  it("that filters a list has it read again", async () => {
    const { server, world, cache, show } = await bound();
    const page = await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    page.hide();
    cache.modify({
      fields: {
        settlements: (value, { DELETE, storeFieldName }) =>
          storeFieldName.includes("kind") ? DELETE : value,
      },
    });
    const filtered = gql`
      query Filtered($id: ID!) { settlements(campaignId: $id, ruined: true) { nodes { id } } }
    `;
    cache.writeQuery({
      query: filtered,
      variables: { id: CAMPAIGN },
      data: { settlements: { __typename: "SettlementConnection", nodes: [] } },
    });
    world.createSettlement(CAMPAIGN, "s-003");
    await frame();
    expect(cache.readQuery({ query: filtered, variables: { id: CAMPAIGN } })).toBeNull();
    expect(server.received.length).toBeGreaterThan(0);
  });
});

describe("a settlement whose position was never read", () => {
  it("is shown on the map after its creation", async () => {
    const { world, cache, show } = await bound();
    await show(SETTLEMENTS, { campaignId: CAMPAIGN });
    world.createSettlement(CAMPAIGN, "s-003", {
      position: { x: 5, y: 6 },
      variables: { mood: { now: "calm" } },
    });
    await frame();
    expect(cache.extract()["Settlement:s-003"]).toMatchObject({
      position: { __typename: "MapPosition", x: 5, y: 6 },
      variables: { mood: { now: "calm" } },
    });
    const page = await show(SETTLEMENT, { id: "s-003" });
    expect(page.now()["settlement"]).toMatchObject({ position: { x: 5, y: 6 }, defense: 1 });
  });
});
