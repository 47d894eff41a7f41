import type { ReactNode } from "react";
import { Link } from "../routing/router.js";
import type { Offers } from "../session/server.js";
import { ThemeSwitch } from "./theme.js";

export interface HeaderProps {
  readonly offers: Offers;
  /** The state of the connection. */
  readonly status?: ReactNode;
  /** What has to be said about it, below everything else. */
  readonly notices?: ReactNode;
  /** Who is signed in. */
  readonly children?: ReactNode;
}

/** The bar above every page. */
export function Header({ offers, status, notices, children }: HeaderProps) {
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="bar">
        <Link className="brand" to="/">
          <Mark />
          <span className="brand-name">Fanfare</span>
        </Link>
        <div className="bar-status">{status}</div>
        <nav className="bar-tools" aria-label="Documentation">
          {offers.graphiql && <a href="/graphql">GraphQL</a>}
          <a href="/api/docs/">REST</a>
        </nav>
        <div className="bar-end">
          <ThemeSwitch />
          {children}
        </div>
        {notices}
      </header>
    </>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="8" className="mark-ground" />
      <path d="M6 14v4l11 2v-8zM18 11v10l7 4V7zM10 20l1.5 5h3L13 20.5z" className="mark-sign" />
    </svg>
  );
}
