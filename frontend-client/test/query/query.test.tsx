// @vitest-environment jsdom
import { QueryClient, QueryClientProvider, QueryObserver, useQuery } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { bindQueryClient, type QueryPolicy, useQuerySync } from "../../src/query/index.js";
import { FanfareProvider } from "../../src/react/index.js";
import { elapse, reactTests } from "../react/support.js";
import { CAMPAIGN, campaign, fakeTime, pass, settle, setup } from "../support.js";

fakeTime();
reactTests();

interface Settlement {
  id: string;
  campaignId: string;
  name: string;
  version: number;
  defense?: number;
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) {
    end();
  }
});

/** A query client that is bound, and a database that its queries read. */
async function bound({ joined = true, policies = [] as readonly QueryPolicy[] } = {}) {
  const { server, fanfare } = setup({}, { headsIntervalMs: 0 });
  const client = new QueryClient({ defaultOptions: { queries: { staleTime: 60_000, retry: false } } });
  client.mount();
  const binding = bindQueryClient(fanfare, client, policies);
  ends.push(
    binding.unbind,
    () => client.clear(),
    () => client.unmount(),
  );
  if (joined) {
    ends.push(binding.sync(campaign));
    await pass(50);
  }
  const database = new Map<string, unknown>();
  const asked = vi.fn();
  const answer = { ms: 0, isReachable: true };
  const read = async (queryKey: readonly unknown[]) => {
    asked(queryKey.join(" "));
    const data = structuredClone(database.get(queryKey.join(" ")));
    await new Promise((resolve) => setTimeout(resolve, answer.ms));
    if (!answer.isReachable) {
      throw new TypeError("fetch failed");
    }
    return data;
  };
  /** A component that shows a query. */
  const show = async (queryKey: readonly unknown[], data?: unknown) => {
    if (data !== undefined) {
      database.set(queryKey.join(" "), data);
    }
    const seen: unknown[] = [];
    const observer = new QueryObserver(client, { queryKey, queryFn: () => read(queryKey) });
    const hide = observer.subscribe(({ data: shown }) => seen.push(shown));
    ends.push(hide);
    await pass(1);
    return { seen, hide, now: () => client.getQueryData(queryKey) };
  };
  const publish = (id: string, operation: "create" | "update" | "delete", version: number, data?: object) =>
    server.publish("settlement_updated", {
      settlementId: id,
      campaignId: CAMPAIGN,
      operation,
      version,
      changedFields: Object.keys(data ?? {}),
      ...(data && { settlementData: { ...data } }),
    });
  return { server, fanfare, client, binding, database, asked, answer, show, publish, read };
}

const settlement = (id: string, values: Partial<Settlement> = {}): Settlement => ({
  id,
  campaignId: CAMPAIGN,
  name: id,
  version: 1,
  ...values,
});

const frame = () => pass(20);
const LIST = ["settlements", CAMPAIGN];

// req: T17
describe("an event", () => {
  it("changes an entity wherever it is, without a request", async () => {
    const { show, publish, asked } = await bound();
    const list = await show(LIST, [settlement("a"), settlement("b")]);
    const one = await show(["settlement", "a"], settlement("a", { defense: 3 }));
    const deep = await show(["home"], { pages: [{ edges: [{ node: settlement("a") }] }] });
    const other = await show(["settlement", "b"], settlement("b"));
    const before = other.now();
    publish("a", "update", 2, { name: "Ash" });
    await frame();
    expect(list.now()).toMatchObject([{ name: "Ash", version: 2 }, { name: "b" }]);
    expect(one.now()).toMatchObject({ name: "Ash", defense: 3, version: 2 });
    expect(deep.now()).toMatchObject({ pages: [{ edges: [{ node: { name: "Ash" } }] }] });
    expect(other.now()).toBe(before);
    expect(asked).toHaveBeenCalledTimes(4);
  });

  it("is ignored when its version is not newer", async () => {
    const { show, publish } = await bound();
    const one = await show(["settlement", "a"], settlement("a", { version: 5 }));
    const before = one.now();
    publish("a", "update", 5, { name: "Old" });
    await frame();
    expect(one.now()).toBe(before);
  });

  it("without data has read again what shows the entity, and nothing else", async () => {
    const { server, show, asked, database } = await bound();
    const one = await show(["settlement", "a"], settlement("a"));
    const hidden = await show(LIST, [settlement("a")]);
    hidden.hide();
    await show(["settlement", "b"], settlement("b"));
    database.set("settlement a", settlement("a", { name: "Ash", version: 2 }));
    asked.mockClear();
    server.publish("settlement_updated", {
      settlementId: "a",
      campaignId: CAMPAIGN,
      operation: "update",
      version: 2,
      changedFields: ["name"],
    });
    await frame();
    expect(one.now()).toMatchObject({ name: "Ash", version: 2 });
    expect(asked.mock.calls).toEqual([["settlement a"]]);
    const again = await show(LIST);
    expect(asked.mock.calls).toEqual([["settlement a"], [LIST.join(" ")]]);
    expect(again.now()).toMatchObject([{ name: "a" }]);
  });

  it("creates and deletes in lists", async () => {
    const { show, publish, asked } = await bound();
    const list = await show(LIST, [settlement("a"), settlement("c")]);
    const one = await show(["settlement", "c"], settlement("c"));
    publish("b", "create", 1, { id: "b", name: "New", version: 1 });
    publish("c", "delete", 2);
    await frame();
    expect(list.now()).toEqual([settlement("a"), settlement("b", { name: "New" })]);
    expect(one.now()).toBeNull();
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it("takes a deleted entity out of a record, whose entries are named by their ids", async () => {
    const { show, publish } = await bound();
    const all = await show(["by id", CAMPAIGN], {
      a: settlement("a"),
      b: settlement("b"),
      chosen: settlement("b"),
    });
    publish("b", "delete", 2);
    await frame();
    expect(all.now()).toEqual({ a: settlement("a"), chosen: null });
  });

  it("has a list read again whose entries show more than it carries, or that is filtered", async () => {
    const { show, publish, database, asked } = await bound();
    const list = await show(LIST, [settlement("a", { defense: 1 })]);
    await show([...LIST, "ruined"], []);
    database.set(LIST.join(" "), [settlement("a", { defense: 1 }), settlement("b", { defense: 2 })]);
    asked.mockClear();
    publish("b", "create", 1, { id: "b", name: "b", version: 1 });
    await frame();
    expect(list.now()).toMatchObject([{ id: "a" }, { id: "b", defense: 2 }]);
    expect(asked.mock.calls.flat().sort()).toEqual([LIST.join(" "), `${LIST.join(" ")} ruined`]);
  });

  it("moves the world's clock, and members", async () => {
    const { server, show, asked } = await bound();
    const world = await show(["campaign", CAMPAIGN], {
      id: CAMPAIGN,
      worldTime: "1372-03-01T08:00:00.000Z",
      version: 1,
    });
    const members = await show(["members", CAMPAIGN], [{ userId: "cyd", role: "PLAYER" }]);
    server.publish("world_time_changed", {
      campaignId: CAMPAIGN,
      previousTime: "1372-03-01T08:00:00.000Z",
      newTime: "1372-03-02T08:00:00.000Z",
      version: 2,
    });
    server.publish("membership_changed", { campaignId: CAMPAIGN, userId: "cyd", role: "GM" });
    await frame();
    expect(world.now()).toMatchObject({ worldTime: "1372-03-02T08:00:00.000Z", version: 2 });
    expect(members.now()).toEqual([{ userId: "cyd", role: "GM" }]);
    expect(asked).toHaveBeenCalledTimes(2);
  });
});

describe("a member's event", () => {
  it("leaves alone what belongs to another campaign, and what only has a userId", async () => {
    const { server, show, asked } = await bound();
    const roles = [
      { userId: "cyd", role: "PLAYER" },
      { userId: "mira", role: "OWNER" },
    ];
    const here = await show(["members", CAMPAIGN], roles);
    const others = [
      await show(["members", "other"], roles),
      await show(["viewer"], { userId: "mira", name: "Mira", role: "ADMIN" }),
      await show(["chat"], [{ id: "m1", userId: "cyd", text: "hello", role: "narrator" }]),
      await show(["audit", CAMPAIGN], [{ id: "x1", campaignId: CAMPAIGN, userId: "cyd", role: "PLAYER" }]),
    ];
    const before = others.map((query) => query.now());
    server.publish("membership_changed", { campaignId: CAMPAIGN, userId: "cyd", role: "GM" });
    await frame();
    expect(here.now()).toEqual([{ userId: "cyd", role: "GM" }, roles[1]]);
    expect(others.map((query) => query.now())).toEqual(before);
    server.publish("membership_changed", { campaignId: CAMPAIGN, userId: "cyd", role: null });
    await frame();
    expect(here.now()).toEqual([roles[1]]);
    expect(others.map((query) => query.now())).toEqual(before);
    expect(asked).toHaveBeenCalledTimes(5);
  });

  it("reaches the member wherever it has its whole key", async () => {
    const { server, show } = await bound();
    const all = await show(["people"], [{ campaignId: CAMPAIGN, userId: "cyd", role: "PLAYER" }]);
    server.publish("membership_changed", { campaignId: CAMPAIGN, userId: "cyd", role: "GM" });
    await frame();
    expect(all.now()).toEqual([{ campaignId: CAMPAIGN, userId: "cyd", role: "GM" }]);
  });

  it("has read again what may be the member, where the campaign is only named around it", async () => {
    const { server, show, database } = await bound();
    const page = (role: string) => ({ id: CAMPAIGN, members: [{ userId: "cyd", role }] });
    const named = await show(["overview", CAMPAIGN], [{ userId: "cyd", role: "PLAYER" }]);
    const around = await show(["home"], [page("PLAYER")]);
    database.set(`overview ${CAMPAIGN}`, [{ userId: "cyd", role: "GM" }]);
    database.set("home", [page("GM")]);
    server.publish("membership_changed", { campaignId: CAMPAIGN, userId: "cyd", role: "GM" });
    await frame();
    expect(named.now()).toEqual([{ userId: "cyd", role: "GM" }]);
    expect(around.now()).toEqual([page("GM")]);
  });
});

/** A thousand events take a busy machine longer than a test usually may. */
const BURST_MS = 30_000;

describe("a burst", () => {
  it(
    "of 1,000 events is one change a frame",
    async () => {
      const { show, publish, client } = await bound();
      const one = await show(["settlement", "a"], settlement("a"));
      const set = vi.spyOn(client, "setQueryData");
      for (let version = 2; version <= 1001; version += 1) {
        publish("a", "update", version, { name: `name ${version}` });
      }
      await frame();
      expect(one.now()).toMatchObject({ name: "name 1001" });
      expect(set).toHaveBeenCalledTimes(1);
    },
    BURST_MS,
  );

  it(
    "of 1,000 invalidations reads at most once in 250 ms, the last time after the last of them",
    async () => {
      const { server, show, database, asked } = await bound();
      const one = await show(["settlement", "a"], settlement("a", { defense: 0 }));
      asked.mockClear();
      for (let defense = 1; defense <= 1000; defense += 1) {
        database.set("settlement a", settlement("a", { defense }));
        server.publish("state_invalidated", {
          campaignId: CAMPAIGN,
          scope: "entity",
          entities: [{ entityType: "settlement", entityId: "a" }],
        });
        await pass(1);
      }
      await pass(300);
      expect(one.now()).toMatchObject({ defense: 1000 });
      expect(asked.mock.calls.length).toBeGreaterThanOrEqual(3);
      expect(asked.mock.calls.length).toBeLessThanOrEqual(6);
    },
    BURST_MS,
  );
});

describe("state_invalidated", () => {
  it("is about exactly the named fields", async () => {
    const { server, show, asked } = await bound();
    await show(["settlement", "a"], settlement("a", { defense: 0 }));
    await show(LIST, [settlement("a")]);
    asked.mockClear();
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign", fields: ["capacity"] });
    await frame();
    expect(asked).not.toHaveBeenCalled();
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign", fields: ["defense"] });
    await frame();
    expect(asked.mock.calls).toEqual([["settlement a"]]);
  });
});

describe("an answer that comes late", () => {
  it("does not overwrite what an event has brought meanwhile, and nobody sees it do so", async () => {
    const { show, publish, answer, client, read } = await bound();
    const one = await show(["settlement", "a"], settlement("a"));
    const list = await show(LIST, [settlement("a")]);
    const rendered: (string | undefined)[] = [];
    const Page = () => {
      const { data } = useQuery({ queryKey: ["settlement", "a"], queryFn: () => read(["settlement", "a"]) });
      rendered.push((data as Settlement | undefined)?.name);
      return null;
    };
    render(
      <QueryClientProvider client={client}>
        <Page />
      </QueryClientProvider>,
    );
    answer.ms = 100;
    void client.refetchQueries();
    await settle();
    publish("a", "update", 2, { name: "New" });
    publish("b", "create", 1, { id: "b", name: "b", version: 1 });
    await elapse(50);
    await elapse(100);
    expect(one.now()).toMatchObject({ name: "New", version: 2 });
    expect(list.now()).toMatchObject([{ name: "New" }, { id: "b" }]);
    expect(rendered).toContain("New");
    expect(rendered.slice(rendered.indexOf("New"))).not.toContain("a");
  });

  it("is read again when something computed was declared out of date meanwhile", async () => {
    const { server, show, answer, database } = await bound();
    answer.ms = 100;
    const one = await show(["settlement", "a"], settlement("a", { defense: 0 }));
    database.set("settlement a", settlement("a", { defense: 9 }));
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign" });
    await pass(500);
    expect(one.now()).toMatchObject({ defense: 9 });
  });
});

describe("a stale room", () => {
  it("is stale until all that is shown of it has been read again", async () => {
    const { server, fanfare, show, answer, database } = await bound();
    const one = await show(["settlement", "a"], settlement("a"));
    await show(["viewer"], { userId: "mira" });
    answer.ms = 100;
    database.set("settlement a", settlement("a", { name: "Missed", version: 9 }));
    server.invalidate(campaign, "unverified");
    await settle();
    await pass(50);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
    await pass(100);
    expect(one.now()).toMatchObject({ name: "Missed" });
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
  });

  it("is stale as long as it cannot be read, and is read when that is possible", async () => {
    const { server, fanfare, show, answer, asked } = await bound();
    await show(["settlement", "a"], settlement("a"));
    answer.isReachable = false;
    server.invalidate(campaign, "unverified");
    await pass(2000);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
    answer.isReachable = true;
    await pass(5000);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
    expect(asked.mock.calls.length).toBeLessThan(6);
  });

  it("is believed after five failures, and read once more when the connection is back", async () => {
    const { server, show, answer, asked } = await bound();
    await show(["settlement", "a"], settlement("a"));
    answer.isReachable = false;
    server.invalidate(campaign, "unverified");
    await pass(120_000);
    expect(asked).toHaveBeenCalledTimes(1 + 5);
    server.cut();
    answer.isReachable = true;
    await pass(3000);
    expect(asked).toHaveBeenCalledTimes(1 + 5 + 1);
  });
});

describe("the user's own room", () => {
  it("is stale until the campaigns and the user's roles in them have been read again", async () => {
    const { server, fanfare, show, database, asked } = await bound();
    await fanfare.subscribe("user:mira").ready;
    const role = (myRole: string) => ({ id: CAMPAIGN, campaignId: CAMPAIGN, myRole });
    const all = await show(["campaigns"], [{ id: CAMPAIGN, name: "c" }]);
    const one = await show(["campaign", CAMPAIGN], role("PLAYER"));
    await show(LIST, [settlement("a")]);
    database.set("campaigns", [
      { id: CAMPAIGN, name: "c" },
      { id: "other", name: "o" },
    ]);
    database.set(`campaign ${CAMPAIGN}`, role("GM"));
    asked.mockClear();
    server.invalidate("user:mira", "unverified");
    await pass(500);
    expect(all.now()).toMatchObject([{}, { id: "other" }]);
    expect(one.now()).toMatchObject({ myRole: "GM" });
    expect(asked).toHaveBeenCalledTimes(2);
    expect(fanfare.freshness("user:mira").getSnapshot()).toBe("live");
  });
});

describe("the loss of a campaign", () => {
  it("empties what was read of it", async () => {
    const { server, show } = await bound();
    const all = await show(
      ["campaigns"],
      [
        { id: CAMPAIGN, name: "c" },
        { id: "other", name: "o" },
      ],
    );
    const list = await show(LIST, [settlement("a")]);
    const one = await show(["settlement", "a"], settlement("a"));
    const other = await show(["settlement", "z"], settlement("z", { campaignId: "other" }));
    server.remove(campaign);
    await frame();
    expect(all.now()).toEqual([{ id: "other", name: "o" }]);
    expect(list.now()).toEqual([]);
    expect(one.now()).toBeNull();
    expect(other.now()).toMatchObject({ id: "z" });
  });
});

describe("data that does not say of which campaign it is", () => {
  const versioned = (name: string, version = 1) => ({ id: "a", name, version });

  it("is read again when the room is stale, and when it is joined", async () => {
    const { server, fanfare, binding, show, database, answer } = await bound({ joined: false });
    const one = await show(["settlement", "a"], versioned("a"));
    database.set("settlement a", versioned("Missed", 2));
    ends.push(binding.sync(campaign));
    await pass(50);
    expect(one.now()).toMatchObject({ name: "Missed" });
    database.set("settlement a", versioned("Missed again", 3));
    answer.ms = 100;
    server.invalidate(campaign, "unverified");
    await pass(50);
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("stale");
    await pass(500);
    expect(one.now()).toMatchObject({ name: "Missed again" });
    expect(fanfare.freshness(campaign).getSnapshot()).toBe("live");
  });

  it("is read again when something computed of the campaign is out of date", async () => {
    const { server, show, database } = await bound();
    const one = await show(["settlement", "a"], { ...versioned("a"), defense: 1 });
    database.set("settlement a", { ...versioned("a"), defense: 9 });
    server.publish("state_invalidated", { campaignId: CAMPAIGN, scope: "campaign" });
    await frame();
    expect(one.now()).toMatchObject({ defense: 9 });
  });

  it("is not kept when the campaign is lost: the server says whether it is to be seen", async () => {
    const { server, show, client, answer } = await bound();
    const one = await show(["settlement", "a"], versioned("a"));
    const unseen = await show(["structures", "a"], [{ ...versioned("wall"), settlementId: "a" }]);
    unseen.hide();
    const all = await show(
      ["campaigns"],
      [
        { id: CAMPAIGN, name: "c", version: 1 },
        { id: "other", name: "o", version: 1 },
      ],
    );
    const other = await show(["settlements", { campaignId: "other" }], [versioned("z")]);
    const elsewhere = await show(["invoices"], [{ id: "i", amount: 3 }]);
    const kept = [other.now(), elsewhere.now()];
    answer.isReachable = false;
    server.remove(campaign);
    await frame();
    expect(one.now()).toBeUndefined();
    expect(client.getQueryState(["settlement", "a"])?.status).toBe("error");
    expect(unseen.now()).toBeUndefined();
    expect(all.now()).toEqual([{ id: "other", name: "o", version: 1 }]);
    expect([other.now(), elsewhere.now()]).toEqual(kept);
  });
});

// req: T17
describe("after a restored database", () => {
  it("what is in it is shown, although the versions are older, and its changes are followed", async () => {
    const { server, show, publish, database } = await bound();
    const one = await show(["settlement", "a"], settlement("a"));
    for (const version of [2, 3, 4]) {
      publish("a", "update", version, { name: "Lost" });
    }
    await frame();
    expect(one.now()).toMatchObject({ name: "Lost", version: 4 });
    database.set("settlement a", settlement("a"));
    server.restore();
    server.cut();
    await pass(5000);
    expect(one.now()).toMatchObject({ name: "a", version: 1 });
    publish("a", "update", 2, { name: "Next" });
    await frame();
    expect(one.now()).toMatchObject({ name: "Next", version: 2 });
  });
});

describe("useQuerySync", () => {
  it("joins the campaign, and reads once what waits for it", async () => {
    const { server, fanfare, client, database, read, asked, publish } = await bound({ joined: false });
    database.set(LIST.join(" "), [settlement("a")]);
    const Page = () => {
      const { isReady, freshness } = useQuerySync(CAMPAIGN);
      const { data } = useQuery({ queryKey: LIST, queryFn: () => read(LIST), enabled: isReady });
      return (
        <p>{[freshness, ...((data as Settlement[] | undefined) ?? []).map(({ name }) => name)].join(" ")}</p>
      );
    };
    const { unmount } = render(
      <StrictMode>
        <QueryClientProvider client={client}>
          <FanfareProvider client={fanfare}>
            <Page />
          </FanfareProvider>
        </QueryClientProvider>
      </StrictMode>,
    );
    await elapse(1000);
    publish("a", "update", 2, { name: "Ash" });
    await elapse(20);
    expect(document.querySelector("p")?.textContent).toBe("live Ash");
    expect(asked).toHaveBeenCalledTimes(1);
    unmount();
    await elapse(2000);
    expect(server.subscribersOf(campaign)).toBe(0);
  });

  it("says what to do when the query client is not bound", async () => {
    const { fanfare, client, binding } = await bound({ joined: false });
    binding.unbind();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const Page = () => <p>{useQuerySync(CAMPAIGN).freshness}</p>;
    expect(() =>
      render(
        <QueryClientProvider client={client}>
          <FanfareProvider client={fanfare}>
            <Page />
          </FanfareProvider>
        </QueryClientProvider>,
      ),
    ).toThrow(/call bindQueryClient\(fanfare, queryClient\) once/);
  });
});
