import { expect, expectTypeOf, it } from "vitest";
import type {
  ConnectionState,
  ConnectionStatus,
  EventOf,
  FanfareError,
  StaleCause,
} from "../../src/index.js";
import {
  type RoomState,
  useCampaignSubscription,
  useConnection,
  useRoom,
  useSubscription,
} from "../../src/react/index.js";

// Compiled by `npm run lint`, never called.
function Typed() {
  expectTypeOf(useConnection()).toEqualTypeOf<ConnectionState>();
  expectTypeOf(useConnection(({ status }) => status)).toEqualTypeOf<ConnectionStatus>();
  useSubscription("world_time_changed", (event) => {
    expectTypeOf(event).toEqualTypeOf<EventOf<"world_time_changed">>();
    expectTypeOf(event.payload.newTime).toBeString();
  });
  // @ts-expect-error There is no such event.
  useSubscription("dragon_landed", () => {});
  // @ts-expect-error The handler would be told of another event than it takes.
  useSubscription("state_invalidated", (_: EventOf<"world_time_changed">) => {});
  useCampaignSubscription(undefined, {
    onSettlementUpdated: ({ payload }) => expectTypeOf(payload.version).toBeNumber(),
    onMembershipChanged: ({ payload }) => expectTypeOf(payload.role).toBeNullable(),
    onStale: (room, reason) =>
      expectTypeOf([room, reason] as const).toEqualTypeOf<readonly [string, StaleCause]>(),
    // @ts-expect-error There is no such handler.
    onDragonLanded: () => {},
  });
  expectTypeOf(useRoom(null)).toEqualTypeOf<RoomState>();
  expectTypeOf(useRoom(null).error).toEqualTypeOf<FanfareError | null>();
}

it("has the types that it promises", () => {
  expect(Typed).toBeTypeOf("function");
});
