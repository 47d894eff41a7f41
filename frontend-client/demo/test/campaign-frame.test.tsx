// @vitest-environment jsdom
import { ApolloClient } from "@apollo/client";
import { ApolloProvider } from "@apollo/client/react";
import { bindApolloCache } from "@fanfare/client/apollo";
import { FanfareProvider } from "@fanfare/client/react";
import { createWorldTimeStore } from "@fanfare/client/zustand";
import { fireEvent, render, screen } from "@testing-library/react";
import type { ExecutionResult } from "graphql";
import { afterEach, expect, it, vi } from "vitest";
import { World } from "../../test/apollo/world.js";
import { during, elapse, reactTests } from "../../test/react/support.js";
import { CAMPAIGN, campaign, fakeTime, setup } from "../../test/support.js";
import { Network } from "../src/network/network.js";
import { CampaignFrame } from "../src/pages/campaign-frame.js";
import { ViewerContext } from "../src/viewer.js";
import { newCache } from "../src/world/cache.js";

fakeTime();
reactTests();

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) {
    end();
  }
});

/** The page of a campaign, as mira sees it who owns it. An id that is none is refused as the server refuses it. */
async function visit(campaignId = CAMPAIGN) {
  const { server, fanfare } = setup({}, { headsIntervalMs: 0 });
  const world = new World(server);
  if (campaignId !== CAMPAIGN) {
    const message = `id: '${campaignId}' is not a valid campaign id`;
    const refusal = { data: { campaign: null }, errors: [{ message, extensions: { code: "BAD_REQUEST" } }] };
    world.answer = async () => refusal as unknown as ExecutionResult;
  }
  world.campaign(CAMPAIGN);
  world.member(CAMPAIGN, "mira", "OWNER");
  world.member(CAMPAIGN, "cyd", "PLAYER");
  const apollo = new ApolloClient({ cache: newCache(), link: world.link });
  const { unbind } = bindApolloCache(fanfare, apollo);
  const clocks = createWorldTimeStore(fanfare);
  const network = new Network(fetch, () => {});
  ends.push(clocks.unbind, unbind, () => apollo.stop());
  render(
    <FanfareProvider client={fanfare}>
      <ApolloProvider client={apollo}>
        <ViewerContext value={{ userId: "mira", name: "Mira", network, clocks }}>
          <CampaignFrame route={{ page: "campaign", campaignId }} />
        </ViewerContext>
      </ApolloProvider>
    </FanfareProvider>,
  );
  await elapse(1000);
  return { server, world };
}

it("comes back by itself when the user is let in again", async () => {
  const { server, world } = await visit();
  const { name } = world.campaign(CAMPAIGN);
  expect(screen.getByTestId("title").textContent).toBe(name);
  world.hide(CAMPAIGN);
  await during(() => server.remove(campaign));
  await elapse(1000);
  expect(screen.getByTestId("gone").textContent).toContain(`You are no longer in ${name}`);
  world.campaign(CAMPAIGN);
  server.refuse(campaign, null);
  await during(() => world.setMember(CAMPAIGN, "mira", "PLAYER"));
  await elapse(1000);
  expect(screen.queryByTestId("gone")).toBeNull();
  expect(screen.getByTestId("title").textContent).toBe(name);
  expect(screen.getByTestId("my-role").dataset["role"]).toBe("PLAYER");
});

it("asks before a member is removed", async () => {
  const { world } = await visit();
  const confirm = vi.spyOn(window, "confirm").mockReturnValue(false);
  const { length } = world.requests;
  await during(() => fireEvent.click(screen.getByTestId("remove-cyd")));
  expect(confirm.mock.calls).toEqual([[`Remove CYD from ${world.campaign(CAMPAIGN).name}?`]]);
  expect(world.requests).toHaveLength(length);
  confirm.mockReturnValue(true);
  await during(() => fireEvent.click(screen.getByTestId("remove-cyd")));
  expect(world.requests.at(-1)?.name).toBe("RemoveMember");
});

it("says that there is no such campaign when its id is mistyped, and shows a way on", async () => {
  await visit("abc");
  expect(screen.getByTestId("gone").textContent).toContain("There is no such campaign");
  expect(screen.getByRole("link", { name: "All campaigns" })).toBeTruthy();
  expect(screen.queryByTestId("problem")).toBeNull();
});
