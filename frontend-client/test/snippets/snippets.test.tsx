// @vitest-environment jsdom
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { act, render } from "@testing-library/react";
import { afterAll, describe, expect, it, vi } from "vitest";
import { fakeToken } from "../../src/testing/index.js";
import { World } from "../apollo/world.js";
import { elapse, reactTests } from "../react/support.js";
import { CAMPAIGN, fakeTime } from "../support.js";
import { server } from "./client.js";
import { MADE, makeSnippets } from "./make.js";

const GUIDES = { react: 3, apollo: 5, "tanstack-query": 4, testing: 2 } as const;
const made = Object.keys(GUIDES).map((guide) => [guide, makeSnippets(guide)] as const);

// The snippet of the guide on testing is itself a file of tests.
await import(/* @vite-ignore */ join(MADE, "testing/settlement.test.tsx"));

// Loaded beforehand, because that takes real time.
const load = (file: string) => import(/* @vite-ignore */ join(MADE, file));
const pages = {
  apollo: await load("apollo/app.tsx"),
  rename: await load("apollo/rename.ts"),
  byHand: await load("react/page.tsx"),
  query: await load("tanstack-query/settlements.tsx"),
  queryClients: await load("tanstack-query/clients.ts"),
  change: await load("tanstack-query/rename.tsx"),
  clock: await load("react/clock.tsx"),
  tabs: await load("testing/tabs.ts"),
};

const world = new World(server);
world.campaign(CAMPAIGN);
world.settlement(CAMPAIGN, "s-001", { name: "Ash", population: 100 });

/** The page's own server. */
async function answer(url: string, init?: RequestInit): Promise<Response> {
  if (url === "/token") {
    return new Response(fakeToken({ sub: "mira" }));
  }
  if (url === "/graphql") {
    const { query, variables } = JSON.parse(String(init?.body)) as { query: string; variables: object };
    return Response.json(await world.answer(query, { ...variables }));
  }
  if (init?.method === "PATCH") {
    return new Response(null, { status: 409 });
  }
  if (url.startsWith("/settlements/")) {
    const query = "query Listed($id: ID!) { settlements(campaignId: $id) { nodes { id name version } } }";
    const { data } = await world.answer(query, { id: CAMPAIGN });
    return Response.json((data as { settlements: { nodes: unknown } }).settlements.nodes);
  }
  return Response.json({ "s-001": "Ash" });
}

describe("the guides", { timeout: 60_000 }, () => {
  fakeTime();
  reactTests();
  vi.stubGlobal("fetch", answer);
  afterAll(() => void vi.unstubAllGlobals());

  it.each(made)("have the files that are tested here: %s", (guide, names) => {
    expect(names).toHaveLength(GUIDES[guide as keyof typeof GUIDES]);
  });

  it("compile", () => {
    const config = {
      extends: "../../../tsconfig.json",
      compilerOptions: { types: ["node"] },
      include: ["./**/*"],
      exclude: [],
    };
    writeFileSync(join(MADE, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(MADE, "../../../node_modules/typescript/bin/tsc");
    const run = () => execFileSync(process.execPath, [tsc, "-p", MADE], { encoding: "utf8" });
    try {
      run();
    } catch (error) {
      expect.fail((error as { stdout: string }).stdout);
    }
  });

  it("have a page that follows an Apollo cache", async () => {
    const { App } = pages.apollo;
    const { rename } = pages.rename;
    render(<App campaignId={CAMPAIGN} />);
    await elapse(1000);
    expect(document.body.textContent).toBe("Ash: 100");
    world.updateSettlement("s-001", { population: 120 });
    world.createSettlement(CAMPAIGN, "s-002", { name: "Birch", population: 7 });
    await elapse(50);
    expect(document.body.textContent).toBe("Ash: 120Birch: 7");
    const renamed = rename({ id: "s-001", version: 2 }, "Elm");
    await elapse(0);
    expect(document.body.textContent).toBe("Elm: 120Birch: 7");
    await elapse(100);
    await renamed;
    expect(document.body.textContent).toBe("Elm: 120Birch: 7");
    expect(world.requests.map(({ name }) => name)).toEqual(["Settlements", "Rename"]);
    server.remove(`campaign:${CAMPAIGN}`);
    await elapse(50);
    expect(document.body.textContent).toBe("You are no longer in this campaign.");
    server.refuse(`campaign:${CAMPAIGN}`, null);
  });

  it("have a page that follows a campaign by hand", async () => {
    const { Page } = pages.byHand;
    render(<Page campaignId={CAMPAIGN} />);
    await elapse(500);
    expect(document.body.textContent).toBe("0 hereAsh");
    world.updateSettlement("s-001", { name: "Oak" });
    server.presence(`campaign:${CAMPAIGN}`, { joined: ["mira", "tomas"] });
    await elapse(50);
    expect(document.body.textContent).toBe("2 hereOak");
  });

  it("have a page that follows the data of TanStack Query", async () => {
    const { App } = pages.query;
    world.updateSettlement("s-001", { name: "Pine" });
    render(<App campaignId={CAMPAIGN} />);
    await elapse(500);
    expect(document.body.textContent).toBe("Pine, Birch");
    const asked = world.asked("Listed");
    world.updateSettlement("s-002", { name: "Alder" });
    await elapse(50);
    expect(document.body.textContent).toBe("Pine, Alder");
    expect(world.asked("Listed")).toBe(asked);
  });

  it("have a change by TanStack Query that gives way to somebody else's", async () => {
    const { queryClient } = pages.queryClients;
    const { useRename } = pages.change;
    const settlement = { id: "s-9", name: "Yew", version: 1 };
    const queryFn = async () => ({ ...settlement });
    const Page = () => {
      const { data = settlement } = useQuery({ queryKey: ["settlement", "s-9"], queryFn }, queryClient);
      const { mutate } = useRename(data);
      return (
        <button type="button" onClick={() => mutate("Mine")}>
          {data.name}
        </button>
      );
    };
    render(
      <QueryClientProvider client={queryClient}>
        <Page />
      </QueryClientProvider>,
    );
    await elapse(50);
    Object.assign(settlement, { name: "Theirs", version: 2 });
    const names = new Set<string>();
    const unwatch = queryClient.getQueryCache().subscribe(() => {
      names.add(queryClient.getQueryData(["settlement", "s-9"]).name);
    });
    act(() => document.querySelector("button")?.click());
    await elapse(100);
    unwatch();
    expect([...names]).toEqual(["Mine", "Theirs"]);
    expect(document.body.textContent).toBe("Theirs");
  });

  it("have clocks", async () => {
    const { makeClocks, TimeLeft } = pages.clock;
    const { openTabs } = pages.tabs;
    const { server: other, tabs } = openTabs(2);
    const clocks = makeClocks(tabs[0]);
    tabs[0].subscribe(`campaign:${CAMPAIGN}`);
    tabs[1].subscribe(`campaign:${CAMPAIGN}`);
    render(<TimeLeft clocks={clocks} campaignId={CAMPAIGN} completesAt="1372-03-03T10:00:00.000Z" />);
    await elapse(1000);
    expect(other.connectionCount).toBe(1);
    expect(document.body.textContent).toBe("finished");
    other.publish("world_time_changed", {
      campaignId: CAMPAIGN,
      previousTime: "1372-03-01T08:00:00.000Z",
      newTime: "1372-03-01T09:00:00.000Z",
      version: 2,
    });
    await elapse(50);
    expect(document.body.textContent).toBe("2 days, 1 hours");
    for (const tab of tabs) {
      tab.close();
    }
  });
});
