// @vitest-environment jsdom
import { render } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { expect, it, vi } from "vitest";
import type { Fanfare } from "../../src/index.js";
import {
  ConnectionBadge,
  ConnectionNotices,
  FanfareProvider,
  useCampaignSubscription,
  useConnection,
  useFreshness,
  usePresence,
  useSettlementSubscription,
  useSubscription,
} from "../../src/react/index.js";
import { CAMPAIGN, campaign, fakeTime, SETTLEMENT, setup } from "../support.js";
import { counted, elapse, reactTests } from "./support.js";

fakeTime();
reactTests();

function Everything() {
  const { status } = useConnection();
  const room = useCampaignSubscription(CAMPAIGN, { onStale: () => {} });
  useSettlementSubscription(SETTLEMENT);
  useSubscription("settlement_updated", () => {});
  const members = usePresence(campaign);
  return (
    <>
      <ConnectionBadge />
      <ConnectionNotices />
      <p>{[status, room.freshness, useFreshness(campaign), members.length].join(" ")}</p>
    </>
  );
}

const page = (client: Fanfare, cycle = 0) => (
  <StrictMode>
    <FanfareProvider key={cycle % 100} client={client}>
      <Everything key={cycle} />
    </FanfareProvider>
  </StrictMode>
);

// req: T16
it("10,000 times mounted and unmounted, nothing is left: no listener, no room, no timer", async () => {
  const { server, fanfare } = setup({}, { headsIntervalMs: 0 });
  const { client, open, opened } = counted(fanfare);
  const { rerender, unmount } = render(page(client));
  // In StrictMode every mount is two.
  for (let cycle = 1; cycle < 5000; cycle += 1) {
    rerender(page(client, cycle));
    if (cycle % 1000 === 0) {
      await elapse();
      expect(server.subscribersOf(campaign)).toBe(1);
      expect(server.connectionCount).toBe(1);
    }
  }
  expect(opened()).toBeGreaterThan(8 * 10_000);
  unmount();
  await elapse(5000);
  expect(open()).toBe(0);
  expect(server.subscribersOf(campaign)).toBe(0);
  expect(server.connectionCount).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
}, 120_000);

it("renders on a server: no connection, no timer, and the same text as the first render in the browser", async () => {
  const { server, fanfare } = setup();
  const html = renderToString(page(fanfare));
  expect(html).toContain("<p>disconnected catching_up catching_up 0</p>");
  expect(vi.getTimerCount()).toBe(0);
  expect(server.tokens).toEqual([]);
  const complaints = vi.spyOn(console, "error");
  const container = document.createElement("div");
  container.innerHTML = html;
  render(page(fanfare), { container, hydrate: true });
  await elapse(1000);
  expect(complaints).not.toHaveBeenCalled();
  expect(container.querySelector("p")?.parentElement?.textContent).toContain("connected live live 0");
});
