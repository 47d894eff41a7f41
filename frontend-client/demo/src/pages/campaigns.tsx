import { useRoom } from "@fanfare/client/react";
import { Loading } from "../parts/loading.js";
import { Problem } from "../parts/problem.js";
import { Link, usePage } from "../routing/router.js";
import { campaignPath } from "../routing/routes.js";
import { useViewer } from "../viewer.js";
import { dateOf, seasonOf } from "../world/calendar.js";
import { CAMPAIGNS, type CampaignData } from "../world/documents.js";
import { ROLE_NAMES } from "../world/terms.js";
import { usePageQuery } from "../world/use-page-query.js";

/** The campaigns that the user is a member of. It follows the user's own room, so that a new one appears by itself. */
export function Campaigns() {
  const { userId, name } = useViewer();
  const { data, error, reread, retry } = usePageQuery(CAMPAIGNS, {}, "cache-and-network");
  useRoom(`user:${userId}`, { onMembershipChanged: retry, onStale: reread });
  const heading = usePage<HTMLHeadingElement>("Campaigns");
  if (!data && !error) {
    return <Loading what="your campaigns" />;
  }
  const campaigns = data?.campaigns?.nodes ?? [];
  return (
    <main id="main" className="list-page">
      <h1 ref={heading} tabIndex={-1}>
        Welcome, {name}
      </h1>
      <p className="lead">
        {data && campaigns.length === 0
          ? "You are not a member of any campaign yet. It appears here as soon as somebody invites you."
          : "Choose a world. Open it in a second window as somebody else, and watch both."}
      </p>
      {error !== undefined && <Problem error={error} onRetry={retry} />}
      <ul className="campaigns" data-testid="campaigns">
        {campaigns.map((campaign) => (
          <li key={campaign.id}>
            <Card campaign={campaign} />
          </li>
        ))}
      </ul>
    </main>
  );
}

function Card({ campaign }: { readonly campaign: CampaignData }) {
  const { id, name, description, worldTime, myRole } = campaign;
  return (
    <article className="campaign-card" data-season={seasonOf(worldTime)}>
      <h2>
        <Link to={campaignPath(id)}>{name}</Link>
      </h2>
      <p>{description}</p>
      <p className="campaign-facts">
        <span className="season">{seasonOf(worldTime)}</span>
        <span>{dateOf(worldTime)}</span>
        {myRole && <span className="role">{ROLE_NAMES[myRole]}</span>}
      </p>
    </article>
  );
}
