import { useApolloClient } from "@apollo/client/react";
import type { RemovalCode } from "@fanfare/client";
import { useCacheSync } from "@fanfare/client/apollo";
import { useFanfare, useRoom } from "@fanfare/client/react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { FaultPanel } from "../live/fault-panel.js";
import { Inspector } from "../live/inspector.js";
import { useJournal } from "../live/use-journal.js";
import { Loading } from "../parts/loading.js";
import { Members } from "../parts/members.js";
import { Problem } from "../parts/problem.js";
import type { Route } from "../routing/routes.js";
import { useViewer } from "../viewer.js";
import { CAMPAIGN_PAGE } from "../world/documents.js";
import { isNowhere } from "../world/errors.js";
import { usePageQuery } from "../world/use-page-query.js";
import { CampaignPage } from "./campaign.js";
import { CampaignContext } from "./campaign-context.js";
import { Lost } from "./lost.js";
import { SettlementPage } from "./settlement.js";
import { StructurePage } from "./structure.js";

/** A page inside a campaign. */
export type CampaignRoute = Extract<Route, { readonly campaignId: string }>;

/** What all pages of a campaign have in common. Whoever is let in again after a removal comes back by itself. */
export function CampaignFrame({ route }: { readonly route: CampaignRoute }) {
  const [visit, setVisit] = useState(0);
  // The name outlives the data, so that the page can say what it is that has gone.
  const [name, setName] = useState<string>();
  return (
    <Visit
      key={visit}
      route={route}
      name={name}
      onNamed={setName}
      onLetIn={() => setVisit((last) => last + 1)}
    />
  );
}

interface VisitProps {
  readonly route: CampaignRoute;
  /** What the campaign was called when it was seen last. */
  readonly name: string | undefined;
  readonly onNamed: (name: string) => void;
  readonly onLetIn: () => void;
}

/** The campaign's room, its data, and the column beside the content. */
function Visit({ route, name, onNamed, onLetIn }: VisitProps) {
  const { campaignId } = route;
  const room = `campaign:${campaignId}`;
  const apollo = useApolloClient();
  const fanfare = useFanfare();
  const { removed, error: refusal } = useCacheSync(campaignId);
  const [journal, handlers] = useJournal(campaignId);
  useRoom(room, handlers);
  const { data, error, retry } = usePageQuery(CAMPAIGN_PAGE, { id: campaignId });
  const campaign = data?.campaign;
  const { clocks } = useViewer();
  useEffect(() => {
    if (campaign) {
      clocks.getState().seen(campaign);
      onNamed(campaign.name);
    }
  }, [clocks, campaign, onNamed]);
  const refresh = useCallback(async () => {
    fanfare.retry();
    await apollo.refetchQueries({ include: "active" });
  }, [apollo, fanfare]);
  const value = useMemo(() => {
    const names = new Map(campaign?.members.nodes.map(({ userId, name }) => [userId, name ?? userId]));
    return campaign ? { campaign, refresh, nameOf: (userId: string) => names.get(userId) ?? userId } : null;
  }, [campaign, refresh]);
  const gone = { campaignId, name, onLetIn };

  if (removed) {
    return <Gone {...gone} code={removed} />;
  }
  if (isNowhere(error) || refusal?.code === "not_found" || data?.campaign === null) {
    return <Gone {...gone} code="not_found" />;
  }
  if (!value) {
    return error ? (
      <main id="main" className="lost">
        <Problem error={error} onRetry={retry} />
      </main>
    ) : (
      <Loading what="the campaign" />
    );
  }
  return (
    <CampaignContext value={value}>
      <main id="main" className="frame">
        <Content route={route} />
        <aside className="rail" aria-label="Live">
          <Members />
          <Inspector journal={journal} room={room} />
          <FaultPanel room={room} />
        </aside>
      </main>
    </CampaignContext>
  );
}

function Content({ route }: { readonly route: CampaignRoute }) {
  switch (route.page) {
    case "campaign":
      return <CampaignPage />;
    case "settlement":
      return <SettlementPage key={route.settlementId} settlementId={route.settlementId} />;
    case "structure":
      return (
        <StructurePage
          key={route.structureId}
          settlementId={route.settlementId}
          structureId={route.structureId}
        />
      );
  }
}

interface GoneProps {
  readonly campaignId: string;
  readonly name: string | undefined;
  readonly code: RemovalCode;
  readonly onLetIn: () => void;
}

/** The campaign is not the user's to see, or no longer. The user's own room tells when it is. */
function Gone({ campaignId, name, code, onLetIn }: GoneProps) {
  useRoom(`user:${useViewer().userId}`, {
    onMembershipChanged: ({ payload }) => {
      if (payload.campaignId === campaignId && payload.role !== null) {
        onLetIn();
      }
    },
  });
  const what = name ?? "this campaign";
  if (code === "deleted") {
    return (
      <Lost testId="gone" title={`${what} was deleted`} text="The campaign and everything in it are gone." />
    );
  }
  if (name === undefined) {
    return (
      <Lost
        testId="gone"
        title="There is no such campaign"
        text="It does not exist, or you are not a member of it. The server does not say which."
      />
    );
  }
  return (
    <Lost
      testId="gone"
      title={`You are no longer in ${what}`}
      text="Somebody has removed you. What this page knew of the campaign has been forgotten."
    />
  );
}
