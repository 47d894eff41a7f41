import type { ApolloClient } from "@apollo/client";
import type { QueryClient } from "@tanstack/react-query";
import { expect, expectTypeOf, it } from "vitest";
import { type ApolloBinding, bindApolloCache, type EntityPolicy, useCacheSync } from "../src/apollo/index.js";
import type { Fanfare, Readable } from "../src/index.js";
import { bindQueryClient, type QueryBinding, type QueryPolicy, useQuerySync } from "../src/query/index.js";
import type { RoomState } from "../src/react/index.js";
import {
  createWorldTimeStore,
  fromClock,
  type Season,
  useWorldClock,
  type WorldClock,
  type WorldDate,
  type WorldTimeStore,
  worldDate,
} from "../src/zustand/index.js";

const fanfare = null as unknown as Fanfare;
const apollo = null as unknown as ApolloClient;
const client = null as unknown as QueryClient;

// Compiled by `npm run lint`, never called.
function Typed() {
  expectTypeOf(bindApolloCache(fanfare, apollo)).toEqualTypeOf<ApolloBinding>();
  expectTypeOf<ApolloBinding["unbind"]>().toEqualTypeOf<() => void>();
  expectTypeOf(useCacheSync("id")).toEqualTypeOf<RoomState>();
  useCacheSync(null);
  bindApolloCache(fanfare, apollo, [
    {
      typeName: "Character",
      kind: "character",
      lists: [{ on: "Campaign", field: "characters", where: { id: "campaignId" } }],
    },
  ]);
  // @ts-expect-error A policy names its type.
  bindApolloCache(fanfare, apollo, [{ kind: "character" }]);
  // @ts-expect-error There is no such kind.
  bindApolloCache(fanfare, apollo, [{ typeName: "Dragon", kind: "dragon" }]);
  // @ts-expect-error The events come first.
  bindApolloCache(apollo, fanfare);
  expectTypeOf<EntityPolicy["typeName"]>().toBeString();

  expectTypeOf(bindQueryClient(fanfare, client)).toEqualTypeOf<QueryBinding>();
  expectTypeOf(useQuerySync(undefined)).toEqualTypeOf<RoomState>();
  const policy: QueryPolicy = {
    typeName: "Character",
    kind: "character",
    lists: ({ campaignId }) => [["characters", campaignId]],
  };
  bindQueryClient(fanfare, client, [policy]);

  const store = createWorldTimeStore(fanfare);
  expectTypeOf(store).toEqualTypeOf<WorldTimeStore>();
  expectTypeOf(store.getState().clocks["id"]).toEqualTypeOf<WorldClock | undefined>();
  expectTypeOf(useWorldClock(store, "id")).toEqualTypeOf<WorldClock | null>();
  expectTypeOf(useWorldClock(store, "id", (clock) => clock?.date.season)).toEqualTypeOf<Season | undefined>();
  expectTypeOf(fromClock(store, "id", (clock) => clock?.date.hour ?? 0)).toEqualTypeOf<Readable<number>>();
  expectTypeOf(worldDate("")).toEqualTypeOf<WorldDate | null>();
}

it("has the types that it promises", () => {
  expect(Typed).toBeTypeOf("function");
});
