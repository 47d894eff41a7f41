// @vitest-environment jsdom
import { gql } from "@apollo/client";
import { ApolloProvider, useQuery } from "@apollo/client/react";
import { render, screen } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { useCacheSync } from "../../src/apollo/index.js";
import { FanfareProvider } from "../../src/react/index.js";
import { elapse, reactTests } from "../react/support.js";
import { CAMPAIGN, campaign, fakeTime } from "../support.js";
import { type Bound, bound } from "./support.js";

fakeTime();
reactTests();

const NAMES = gql`
  query Names($id: ID!) { settlements(campaignId: $id) { nodes { id name version } } }
`;

interface Names {
  settlements: { nodes: { id: string; name: string }[] } | null;
}

function Overview({ patient = false }: { readonly patient?: boolean }) {
  const { isReady, removed, freshness } = useCacheSync(CAMPAIGN);
  const { data, loading } = useQuery<Names>(NAMES, {
    variables: { id: CAMPAIGN },
    skip: patient && !isReady,
  });
  const names = data?.settlements?.nodes.map(({ name }) => name).join(", ") ?? "nothing";
  return <p>{[removed ?? freshness, loading ? "loading" : "", names].filter(Boolean).join(": ")}</p>;
}

const page = ({ apollo, fanfare }: Bound, children: ReactNode) => (
  <StrictMode>
    <ApolloProvider client={apollo}>
      <FanfareProvider client={fanfare}>{children}</FanfareProvider>
    </ApolloProvider>
  </StrictMode>
);

const text = () => document.querySelector("p")?.textContent;

// req: T17
it("keeps what a component shows in agreement, without a word in between", async () => {
  const all = await bound({ joined: false });
  render(page(all, <Overview />));
  await elapse(50);
  expect(text()).toBe("live: Settlement s-001, Settlement s-002");
  all.world.updateSettlement("s-001", { name: "Ash" });
  all.world.createSettlement(CAMPAIGN, "s-003", { name: "New" });
  await elapse(20);
  expect(text()).toBe("live: Ash, Settlement s-002, New");
  all.server.invalidate(campaign, "unverified");
  all.world.answerMs = 100;
  await elapse(50);
  expect(text()).toBe("stale: Ash, Settlement s-002, New");
  await elapse(400);
  expect(text()).toBe("live: Ash, Settlement s-002, New");
  all.world.hide(CAMPAIGN);
  all.server.remove(campaign);
  await elapse(50);
  expect(text()).toBe("membership_revoked: nothing");
});

it("saves the second reading to those who wait until the room is joined", async () => {
  const all = await bound({ joined: false });
  render(page(all, <Overview patient />));
  await elapse(50);
  expect(text()).toBe("live: Settlement s-001, Settlement s-002");
  await elapse(1000);
  expect(all.world.asked("Names")).toBe(1);
});

it("leaves the room with its last component", async () => {
  const all = await bound({ joined: false });
  const { unmount } = render(page(all, <Overview />));
  await elapse(50);
  expect(all.server.subscribersOf(campaign)).toBe(1);
  unmount();
  await elapse(2000);
  expect(all.server.subscribersOf(campaign)).toBe(0);
});

it("says what to do when the Apollo client is not bound", async () => {
  const all = await bound({ joined: false });
  all.binding.unbind();
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect(() => render(page(all, <Overview />))).toThrow(/call bindApolloCache\(fanfare, apollo\) once/);
  expect(screen.queryByText(/Settlement/)).toBeNull();
});
