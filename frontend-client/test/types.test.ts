import { expectTypeOf, it } from "vitest";
import type {
  ConnectionState,
  ConnectionStatus,
  Envelope,
  EventHandlers,
  EventOf,
  EventType,
  Fanfare,
  Freshness,
  PayloadOf,
  Readable,
  RoomHandlers,
  SettlementUpdated,
  Subscription,
  WorldTimeChanged,
} from "../src/index.js";

const fanfare = null as unknown as Fanfare;
// Never called: what is tested here is tested by the compiler.
const compiled = (_: () => void) => {};

// req: T09
it("types events by their name", () => {
  expectTypeOf<EventOf<"settlement_updated">["payload"]>().toEqualTypeOf<SettlementUpdated>();
  expectTypeOf<PayloadOf<"world_time_changed">>().toEqualTypeOf<WorldTimeChanged>();
  expectTypeOf<EventType>().toEqualTypeOf<Envelope["type"]>();
  compiled(() => {
    fanfare.on("settlement_updated", (event) => {
      expectTypeOf(event.payload).toEqualTypeOf<SettlementUpdated>();
      expectTypeOf(event.offsets).toEqualTypeOf<{ [room: string]: number }>();
    });
    // @ts-expect-error there is no such event
    fanfare.on("settlement_exploded", () => {});
  });
});

it("narrows an envelope by its type", () => {
  compiled(() => {
    const event = null as unknown as Envelope;
    if (event.type === "world_time_changed") {
      expectTypeOf(event.payload.newTime).toEqualTypeOf<string>();
      expectTypeOf(event.payload.version).toEqualTypeOf<number>();
    }
  });
});

it("has one handler for each event type", () => {
  expectTypeOf<keyof EventHandlers>().toEqualTypeOf<
    | "onEntityUpdated"
    | "onSettlementUpdated"
    | "onStructureUpdated"
    | "onWorldTimeChanged"
    | "onStateInvalidated"
    | "onMembershipChanged"
  >();
  expectTypeOf<Parameters<NonNullable<EventHandlers["onWorldTimeChanged"]>>>().toEqualTypeOf<
    [event: EventOf<"world_time_changed">]
  >();
  compiled(() => {
    const handlers: RoomHandlers = {
      onSettlementUpdated: ({ payload }) => expectTypeOf(payload.settlementId).toEqualTypeOf<string>(),
      onStale: async (room, reason) => {
        expectTypeOf(room).toEqualTypeOf<string>();
        expectTypeOf(reason).toExtend<string>();
      },
    };
    fanfare.subscribe("campaign:1", handlers);
    // @ts-expect-error misspelt
    fanfare.subscribe("campaign:1", { onSettlementUpdate: () => {} });
  });
});

it("gives handles and stores of the promised shape", () => {
  expectTypeOf<Fanfare["subscribe"]>().returns.toEqualTypeOf<Subscription>();
  expectTypeOf<Subscription["ready"]>().toEqualTypeOf<Promise<void>>();
  expectTypeOf<Fanfare["connection"]>().toEqualTypeOf<Readable<ConnectionState>>();
  expectTypeOf<Fanfare["freshness"]>().returns.toEqualTypeOf<Readable<Freshness>>();
  expectTypeOf<Fanfare["presence"]>().returns.toEqualTypeOf<Readable<readonly string[]>>();
  expectTypeOf<ConnectionStatus>().toEqualTypeOf<
    "connecting" | "connected" | "reconnecting" | "disconnected" | "failed"
  >();
});
