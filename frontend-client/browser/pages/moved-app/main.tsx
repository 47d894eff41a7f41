// The application of `socketio-app`, moved over: see docs/guides/existing-socketio-app.md.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createFanfare } from "../../../src/index.js";
import { FanfareProvider } from "../../../src/react/index.js";
import { CampaignPage } from "./campaign-page.js";

const parameters = new URLSearchParams(location.search);
const parameter = (name: string) => parameters.get(name) ?? "";
const server = parameter("server");

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

const fanfare = createFanfare({ url: server, getToken });

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <FanfareProvider client={fanfare}>
      <CampaignPage campaignId={parameter("campaign")} query={query} />
    </FanfareProvider>
  </StrictMode>,
);
