import { Fragment, type ReactNode } from "react";
import { useCampaign } from "../pages/campaign-context.js";
import { Link, usePage } from "../routing/router.js";
import { WorldClock } from "./clock.js";
import { tell } from "./toasts.js";

/** A page above this one. */
export interface Crumb {
  readonly name: string;
  readonly to: string;
}

export interface PageBodyProps {
  readonly title: string;
  /** The title as it is shown, when that is more than its text. */
  readonly shownTitle?: ReactNode;
  /** The pages above this one, outermost first. */
  readonly crumbs: readonly Crumb[];
  /** Below the title. */
  readonly about?: ReactNode;
  readonly children: ReactNode;
}

/** The head of a campaign's page, the world's clock, and the content. */
export function PageBody({ title, shownTitle, crumbs, about, children }: PageBodyProps) {
  const heading = usePage<HTMLHeadingElement>(title);
  return (
    <>
      <div className="page-head">
        <nav className="crumbs" aria-label="You are in">
          {crumbs.map(({ name, to }, place) => (
            <Fragment key={to}>
              {place > 0 && <span aria-hidden="true">/</span>}
              <Link to={to}>{name}</Link>
            </Fragment>
          ))}
        </nav>
        <div className="title-row">
          <h1 ref={heading} tabIndex={-1} data-testid="title">
            {shownTitle ?? title}
          </h1>
          <Refresh />
        </div>
        {about}
      </div>
      <WorldClock />
      <div className="content">{children}</div>
    </>
  );
}

/** Reads everything again. Nobody should need it; it is there for those who trust nothing. */
function Refresh() {
  const { refresh } = useCampaign();
  const read = async () => {
    try {
      await refresh();
      tell("good", "Everything was read again.");
    } catch {
      tell("bad", "The server cannot be reached. What you see may be out of date.");
    }
  };
  return (
    <button type="button" className="plain refresh" data-testid="refresh" onClick={() => void read()}>
      Refresh
    </button>
  );
}
