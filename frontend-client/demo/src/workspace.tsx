import { ApolloProvider } from "@apollo/client/react";
import { ConnectionBadge, ConnectionNotices, FanfareProvider } from "@fanfare/client/react";
import { CampaignFrame } from "./pages/campaign-frame.js";
import { Campaigns } from "./pages/campaigns.js";
import { Lost } from "./pages/lost.js";
import { Header } from "./parts/header.js";
import { Toasts } from "./parts/toasts.js";
import { useRoute } from "./routing/router.js";
import type { Offers } from "./session/server.js";
import type { Session, Sessions } from "./session/session.js";
import { ViewerContext } from "./viewer.js";
import { clientOf } from "./world/client.js";

export interface WorkspaceProps {
  readonly sessions: Sessions;
  readonly session: Session;
  readonly offers: Offers;
}

/** Everything that a signed-in user sees. */
export default function Workspace({ sessions, session, offers }: WorkspaceProps) {
  const { fanfare, apollo, network, clocks } = clientOf(sessions, session);
  const status = <ConnectionBadge showConnected className="badge" role="status" data-testid="connection" />;
  const notices = <ConnectionNotices className="banner" data-testid="notices" />;
  return (
    <FanfareProvider client={fanfare}>
      <ApolloProvider client={apollo}>
        <ViewerContext value={{ userId: session.userId, name: session.name, network, clocks }}>
          <Header offers={offers} status={status} notices={notices}>
            <span className="who" data-testid="viewer">
              <span className="face small" aria-hidden="true">
                {session.name.charAt(0).toUpperCase()}
              </span>
              <span className="who-name">{session.name}</span>
            </span>
            <button type="button" className="quiet" data-testid="sign-out" onClick={() => sessions.signOut()}>
              Sign out
            </button>
          </Header>
          <Page />
          <Toasts />
        </ViewerContext>
      </ApolloProvider>
    </FanfareProvider>
  );
}

function Page() {
  const route = useRoute();
  switch (route.page) {
    case "campaigns":
      return <Campaigns />;
    case "campaign":
    case "settlement":
    case "structure":
      return <CampaignFrame key={route.campaignId} route={route} />;
    case "unknown":
      return <Lost />;
  }
}
