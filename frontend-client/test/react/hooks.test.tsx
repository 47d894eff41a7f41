// @vitest-environment jsdom
import { act, render, renderHook, screen } from "@testing-library/react";
import { Suspense, startTransition, useState } from "react";
import { describe, expect, it, vi } from "vitest";
import type { EventOf } from "../../src/index.js";
import {
  useCampaignSubscription,
  useConnection,
  useFanfare,
  useFreshness,
  usePresence,
  useRoom,
  useSettlementSubscription,
  useStructureSubscription,
  useSubscription,
} from "../../src/react/index.js";
import { CAMPAIGN, campaign, fakeTime, SETTLEMENT, settled, settlement, setup } from "../support.js";
import { during, elapse, reactTests, within } from "./support.js";

fakeTime();
reactTests();

// req: T12
describe("the provider", () => {
  it("connects once for the whole tree, and disconnects when it is gone", async () => {
    const { server, fanfare } = setup();
    const Page = () => {
      useRoom(campaign);
      useRoom(settlement);
      return null;
    };
    const { unmount } = render(
      <>
        <Page />
        <Page />
      </>,
      { wrapper: within(fanfare) },
    );
    await elapse();
    expect(server.connectionCount).toBe(1);
    expect(server.tokens).toHaveLength(1);
    unmount();
    await elapse();
    expect(server.connectionCount).toBe(0);
  });

  it("survives navigation: another page uses the same connection", async () => {
    const { server, fanfare } = setup();
    const { rerender } = render(<Room key="1" name={campaign} />, { wrapper: within(fanfare) });
    await elapse();
    rerender(<Room key="2" name={settlement} />);
    await elapse(5000);
    expect(server.tokens).toHaveLength(1);
    expect(server.subscribersOf(campaign)).toBe(0);
    expect(server.subscribersOf(settlement)).toBe(1);
  });

  it("continues where it was when it is mounted again", async () => {
    const { server, fanfare } = setup();
    const onSettlementUpdated = vi.fn();
    const Page = () => {
      useCampaignSubscription(CAMPAIGN, { onSettlementUpdated });
      return null;
    };
    const first = render(<Page />, { wrapper: within(fanfare) });
    await elapse();
    first.unmount();
    await elapse(60_000);
    server.publish("settlement_updated", settled(2));
    render(<Page />, { wrapper: within(fanfare) });
    await elapse();
    expect(onSettlementUpdated).toHaveBeenCalledTimes(1);
  });

  it("is asked for by name when it is missing", () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect(() => renderHook(() => useFanfare())).toThrow(/FanfareProvider/);
  });
});

function Room({ name }: { readonly name: string }) {
  const { freshness, isReady, error, removed } = useRoom(name);
  return <p>{[freshness, isReady && "ready", error?.code, removed].filter(Boolean).join(" ")}</p>;
}

// req: T13, N23 N34
describe("useRoom", () => {
  it("says how it stands with the room", async () => {
    const { server, fanfare } = setup();
    render(<Room name={campaign} />, { wrapper: within(fanfare) });
    await elapse();
    expect(screen.getByText("live ready")).toBeTruthy();
    await during(() => server.cut());
    expect(screen.getByText("catching_up ready")).toBeTruthy();
    await elapse(1000);
    expect(screen.getByText("live ready")).toBeTruthy();
    server.remove(campaign);
    await elapse();
    expect(screen.getByText("stale membership_revoked")).toBeTruthy();
  });

  it("gives the refusal, and forgets it when the room is joined after all", async () => {
    const { server, fanfare } = setup();
    server.refuse(campaign, { code: "rate_limited", retryAfterMs: 3000 });
    render(<Room name={campaign} />, { wrapper: within(fanfare) });
    await elapse();
    expect(screen.getByText("catching_up rate_limited")).toBeTruthy();
    server.refuse(campaign, null);
    await elapse(10_000);
    expect(screen.getByText("live ready")).toBeTruthy();
  });

  it("waits for a room, and goes from one to the next", async () => {
    const { server, fanfare } = setup();
    const { result, rerender } = renderHook(({ room }: { room: string | null }) => useRoom(room), {
      wrapper: within(fanfare),
      initialProps: { room: null as string | null },
    });
    await elapse();
    expect(result.current).toEqual({ freshness: "catching_up", isReady: false, error: null, removed: null });
    rerender({ room: campaign });
    await elapse();
    expect(result.current.isReady).toBe(true);
    rerender({ room: settlement });
    expect(result.current.isReady).toBe(false);
    await elapse(2000);
    expect(server.subscribersOf(campaign)).toBe(0);
    expect(result.current.freshness).toBe("live");
  });

  it("calls the handlers of the last render without joining again", async () => {
    const { server, fanfare } = setup();
    const calls: string[] = [];
    const { rerender } = renderHook(
      ({ name }) =>
        useCampaignSubscription(CAMPAIGN, {
          onEvent: () => calls.push(`${name} any`),
          onSettlementUpdated: () => calls.push(`${name} settlement`),
          onEntityUpdated: () => calls.push(`${name} entity`),
          onWorldTimeChanged: () => calls.push(`${name} time`),
          onStateInvalidated: () => calls.push(`${name} state`),
          onStructureUpdated: () => calls.push(`${name} structure`),
          onStale: () => calls.push(`${name} stale`),
          onRemoved: () => calls.push(`${name} removed`),
        }),
      { wrapper: within(fanfare), initialProps: { name: "first" } },
    );
    await elapse();
    const joins = server.received.length;
    rerender({ name: "last" });
    server.publish("settlement_updated", settled(1));
    server.publish("world_time_changed", {
      campaignId: CAMPAIGN,
      previousTime: "1372-03-01T08:00:00.000Z",
      newTime: "1372-03-02T08:00:00.000Z",
      version: 2,
    });
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign" });
    server.invalidate(campaign, "unverified");
    await elapse();
    expect(calls).toEqual([
      ...["last any", "last settlement"],
      ...["last any", "last time"],
      ...["last any", "last state"],
      "last stale",
    ]);
    server.remove(campaign);
    await elapse();
    expect(calls.at(-1)).toBe("last removed");
    // The one that followed is the answer to `invalidate`: joined anew.
    expect(server.received.slice(joins).map(({ command }) => command)).toEqual(["subscribe_many"]);
  });

  it("leaves the room stale when nobody reads its state again, and until somebody has", async () => {
    const { server, fanfare } = setup();
    let finish = () => {};
    const reading = () => new Promise<void>((resolve) => (finish = resolve));
    const { result, rerender } = renderHook(
      ({ heals }) => useRoom(campaign, heals ? { onStale: reading } : {}),
      { wrapper: within(fanfare), initialProps: { heals: false } },
    );
    await elapse();
    server.invalidate(campaign, "epoch_changed");
    await elapse();
    expect(result.current.freshness).toBe("stale");
    rerender({ heals: true });
    server.invalidate(campaign, "epoch_changed");
    await elapse();
    expect(result.current.freshness).toBe("stale");
    finish();
    await elapse();
    expect(result.current.freshness).toBe("live");
  });

  it("joins by the kind of entity", async () => {
    const { server, fanfare } = setup();
    renderHook(
      () => {
        useCampaignSubscription(CAMPAIGN);
        useSettlementSubscription(SETTLEMENT);
        useStructureSubscription(SETTLEMENT);
        useStructureSubscription(null);
      },
      { wrapper: within(fanfare) },
    );
    await elapse();
    const rooms = [campaign, settlement, `structure:${SETTLEMENT}`];
    expect(rooms.map((room) => server.subscribersOf(room))).toEqual([1, 1, 1]);
  });
});

// req: T13
describe("useSubscription", () => {
  it("calls the last handler once, however many of the event's rooms are joined", async () => {
    const { server, fanfare } = setup();
    const first = vi.fn();
    const last = vi.fn();
    const { rerender, unmount } = renderHook(
      ({ handler }: { handler: (event: EventOf<"settlement_updated">) => void }) => {
        useRoom(campaign);
        useRoom(settlement);
        useSubscription("settlement_updated", handler);
      },
      { wrapper: within(fanfare), initialProps: { handler: first } },
    );
    await elapse();
    rerender({ handler: last });
    server.publish("settlement_updated", settled(4));
    await elapse();
    expect(first).not.toHaveBeenCalled();
    expect(last).toHaveBeenCalledTimes(1);
    expect(last.mock.calls[0]?.[0].payload.version).toBe(4);
    unmount();
    fanfare.subscribe(campaign);
    server.publish("settlement_updated", settled(5));
    await elapse();
    expect(last).toHaveBeenCalledTimes(1);
  });

  it("does not call the handler of a render that React has thrown away", async () => {
    const { server, fanfare } = setup();
    const calls: string[] = [];
    const never = new Promise(() => {});
    let show: (name: string) => void = () => {};
    const Page = () => {
      const [name, setName] = useState("shown");
      show = setName;
      useRoom(campaign);
      useSubscription("settlement_updated", () => calls.push(name));
      if (name === "abandoned") {
        throw never;
      }
      return null;
    };
    render(
      <Suspense fallback="waiting">
        <Page />
      </Suspense>,
      { wrapper: within(fanfare) },
    );
    await elapse();
    act(() => startTransition(() => show("abandoned")));
    server.publish("settlement_updated", settled(1));
    await elapse();
    expect(calls).toEqual(["shown"]);
  });
});

describe("useConnection", () => {
  // req: T14
  it("gives the state, and renders only when what was selected differs", async () => {
    const { server, fanfare } = setup();
    let renders = 0;
    const { result } = renderHook(
      () => {
        renders += 1;
        const status = useConnection(({ status }) => ({ is: status }));
        const isUp = useConnection((connection) => connection.status === "connected");
        return { status, isUp };
      },
      { wrapper: within(fanfare) },
    );
    await elapse();
    expect(result.current).toEqual({ status: { is: "connected" }, isUp: true });
    const settledRenders = renders;
    await elapse(60_000);
    await during(() => server.cut());
    expect(result.current).toEqual({ status: { is: "reconnecting" }, isUp: false });
    expect(renders).toBeLessThan(settledRenders + 20);
  });
});

describe("useFreshness and usePresence", () => {
  it("follow the room while they are mounted, and only then", async () => {
    const { server, fanfare } = setup();
    server.presence(campaign, { joined: ["mira"] });
    const { result, unmount } = renderHook(
      () => {
        useRoom(campaign);
        return [useFreshness(campaign), usePresence(campaign), usePresence(null)] as const;
      },
      { wrapper: within(fanfare) },
    );
    await elapse();
    server.presence(campaign, { joined: ["tomas"], left: ["mira"] });
    await elapse();
    expect(result.current).toEqual(["live", ["tomas"], []]);
    unmount();
    fanfare.connect();
    await elapse(3000);
    expect(server.received.at(-1)?.command).not.toBe("presence_subscribe");
    expect(fanfare.presence(campaign).getSnapshot()).toEqual([]);
  });
});
