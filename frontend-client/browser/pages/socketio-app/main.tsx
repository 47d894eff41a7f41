import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { CampaignPage } from "./campaign-page.js";
import { SocketProvider } from "./socket-provider.js";

const parameters = new URLSearchParams(location.search);
const parameter = (name: string) => parameters.get(name) ?? "";
const server = parameter("server");
const transports = parameters.has("transports") ? [parameter("transports")] : undefined;

async function getToken(): Promise<string> {
  const answer = await fetch(`${server}/api/dev/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ userId: "ben" }),
  });
  return ((await answer.json()) as { token: string }).token;
}

async function query<T>(query: string, variables: object): Promise<T> {
  const answer = await fetch(`${server}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${await getToken()}` },
    body: JSON.stringify({ query, variables }),
  });
  return ((await answer.json()) as { data: T }).data;
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <SocketProvider url={server} getToken={getToken} {...(transports && { transports })}>
      <CampaignPage campaignId={parameter("campaign")} settlementId={parameter("settlement")} query={query} />
    </SocketProvider>
  </StrictMode>,
);
