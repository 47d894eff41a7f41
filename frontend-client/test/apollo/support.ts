import { ApolloClient, type DocumentNode, gql, InMemoryCache, type ObservableQuery } from "@apollo/client";
import { afterEach, vi } from "vitest";
import { type ApolloBinding, bindApolloCache, type EntityPolicy } from "../../src/apollo/index.js";
import type { Fanfare } from "../../src/index.js";
import type { FakeServer } from "../../src/testing/index.js";
import { CAMPAIGN, campaign, pass, settle, setup } from "../support.js";
import { World } from "./world.js";

export const SETTLEMENTS = gql`
  query Settlements($campaignId: ID!, $first: Int, $after: String) {
    settlements(campaignId: $campaignId, first: $first, after: $after) {
      nodes { id name population version }
      edges { cursor node { id } }
      pageInfo { hasNextPage startCursor endCursor }
    }
  }
`;

export const SETTLEMENT = gql`
  query Settlement($id: ID!) {
    settlement(id: $id) { id campaignId name level population position { x y } variables version defense prosperity }
  }
`;

/** A component that shows a query. */
export interface Shown {
  readonly query: ObservableQuery<Record<string, unknown>>;
  /** Everything that it was given to show, oldest first. */
  readonly seen: unknown[];
  /** What it shows now. */
  now(): Record<string, unknown>;
  hide(): void;
}

export interface Bound {
  readonly server: FakeServer;
  readonly fanfare: Fanfare;
  readonly world: World;
  readonly apollo: ApolloClient;
  readonly cache: InMemoryCache;
  readonly binding: ApolloBinding;
  show(query: DocumentNode, variables?: Record<string, unknown>): Promise<Shown>;
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) {
    end();
  }
});

/** A client, a bound cache, and a world with a campaign `c` and the settlements `s-001` and `s-002`, joined. */
export async function bound({
  policies = [] as readonly EntityPolicy[],
  cache = new InMemoryCache(),
  joined = true,
} = {}): Promise<Bound> {
  const { server, fanfare } = setup({}, { headsIntervalMs: 0 });
  const world = new World(server);
  world.campaign(CAMPAIGN);
  world.settlement(CAMPAIGN, "s-001");
  world.settlement(CAMPAIGN, "s-002");
  const apollo = new ApolloClient({ cache, link: world.link });
  const binding = bindApolloCache(fanfare, apollo, policies);
  ends.push(binding.unbind, () => apollo.stop());
  if (joined) {
    ends.push(binding.sync(campaign));
    await pass(50);
  }
  const show = async (query: DocumentNode, variables: Record<string, unknown> = {}): Promise<Shown> => {
    const shown = apollo.watchQuery<Record<string, unknown>>({ query, variables });
    const seen: unknown[] = [];
    const subscription = shown.subscribe(({ data, error }) => seen.push(error ?? data));
    ends.push(() => subscription.unsubscribe());
    await settle();
    await settle();
    // What was shown while the first answer was on its way is of no interest.
    seen.splice(0, seen.length - 1);
    const now = () => shown.getCurrentResult().data as Record<string, unknown>;
    return { query: shown, seen, now, hide: () => subscription.unsubscribe() };
  };
  return { server, fanfare, world, apollo, cache, binding, show };
}

/** Counts the batches that follow. */
export const batches = (cache: InMemoryCache) => vi.spyOn(cache, "batch");

/** Lets a frame pass, and what it causes. */
export const frame = () => pass(20);
