import { renderToString } from "react-dom/server";
import { expect, it, vi } from "vitest";
import { createFanfare } from "../../src/index.js";
import {
  ConnectionBadge,
  ConnectionNotices,
  FanfareProvider,
  useCampaignSubscription,
  useConnection,
  usePresence,
} from "../../src/react/index.js";
import { CAMPAIGN, campaign } from "../support.js";

function Page() {
  const { freshness, isReady } = useCampaignSubscription(CAMPAIGN, { onStale: () => {} });
  const members = usePresence(campaign);
  return <p>{[useConnection().status, freshness, isReady, members.length].join(" ")}</p>;
}

it("renders where there is no browser at all, with a path for an address, and asks for nothing", async () => {
  expect(typeof window).toBe("undefined");
  const getToken = vi.fn(() => "token");
  const fanfare = createFanfare({ url: "/", getToken });
  vi.useFakeTimers();
  const html = renderToString(
    <FanfareProvider client={fanfare}>
      <ConnectionBadge />
      <ConnectionNotices />
      <Page />
    </FanfareProvider>,
  );
  expect(html).toContain("<p>disconnected catching_up false 0</p>");
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  expect(getToken).not.toHaveBeenCalled();
  expect(fanfare.connection.getSnapshot().status).toBe("disconnected");
  fanfare.close();
});
