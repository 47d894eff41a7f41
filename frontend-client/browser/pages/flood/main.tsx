// A page that shows a campaign from Apollo's cache, with a count of what the cache is made to do.
import { ApolloClient, gql, HttpLink, InMemoryCache, type TypedDocumentNode } from "@apollo/client";
import { ApolloProvider, useQuery } from "@apollo/client/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { bindApolloCache } from "../../../src/apollo/index.js";
import { createFanfare } from "../../../src/index.js";
import { FanfareProvider, useCampaignSubscription } from "../../../src/react/index.js";

/** What happened since the page began. */
export interface Flood {
  /** Events that were handed out. */
  events: number;
  /** Batches of writes into the cache. */
  batches: number;
  /** The most batches between two frames. */
  mostInAFrame: number;
  frames: number;
}

declare global {
  interface Window {
    flood: Flood;
  }
}

interface Data {
  campaign: { settlements: { nodes: { id: string; name: string; population: number; version: number }[] } };
}

const CAMPAIGN: TypedDocumentNode<Data, { id: string }> = gql`
  query ($id: ID!) {
    campaign(id: $id) {
      id
      settlements(first: 100) { nodes { id name population version } }
    }
  }
`;

const flood: Flood = { events: 0, batches: 0, mostInAFrame: 0, frames: 0 };
window.flood = flood;

const parameters = new URLSearchParams(location.search);
const server = parameters.get("server") ?? "";
const campaignId = parameters.get("campaign") ?? "";

const login = fetch(`${server}/api/dev/login`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ userId: "ben" }),
}).then(async (answer) => ((await answer.json()) as { token: string }).token);

const cache = new InMemoryCache();
const batch = cache.batch.bind(cache);
let inThisFrame = 0;
let depth = 0;
cache.batch = (options) => {
  // One inside another is a part of it.
  if (depth === 0) {
    flood.batches += 1;
    inThisFrame += 1;
    flood.mostInAFrame = Math.max(flood.mostInAFrame, inThisFrame);
  }
  depth += 1;
  try {
    return batch(options);
  } finally {
    depth -= 1;
  }
};
const frame = () => {
  flood.frames += 1;
  inThisFrame = 0;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);

const apollo = new ApolloClient({
  cache,
  link: new HttpLink({
    uri: `${server}/graphql`,
    fetch: async (uri, options) => {
      const headers = new Headers(options?.headers);
      headers.set("authorization", `Bearer ${await login}`);
      return fetch(uri, { ...options, headers });
    },
  }),
});
const fanfare = createFanfare({ url: server, getToken: () => login });
bindApolloCache(fanfare, apollo);
fanfare.on("settlement_updated", () => {
  flood.events += 1;
});

function Page() {
  const { freshness } = useCampaignSubscription(campaignId);
  const { data } = useQuery(CAMPAIGN, { variables: { id: campaignId } });
  return (
    <main>
      <p role="status">{data ? freshness : "reading"}</p>
      <ul>
        {data?.campaign.settlements.nodes.map(({ id, name, population }) => (
          <li key={id} data-testid={id}>
            {name}: {population}
          </li>
        ))}
      </ul>
    </main>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <FanfareProvider client={fanfare}>
      <ApolloProvider client={apollo}>
        <Page />
      </ApolloProvider>
    </FanfareProvider>
  </StrictMode>,
);
