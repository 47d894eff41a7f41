import { Link, usePage } from "../routing/router.js";

export interface LostProps {
  readonly title?: string;
  readonly text?: string;
  readonly testId?: string;
  /** Where to go from here. */
  readonly to?: string;
  readonly toName?: string;
  /** Inside of a page that is there already. */
  readonly isPart?: boolean;
}

/** Says that there is nothing to see, and where to go on. */
export function Lost({
  title = "There is no such page",
  text = "The address may be old, or mistyped.",
  testId = "lost",
  to = "/",
  toName = "All campaigns",
  isPart = false,
}: LostProps) {
  const heading = usePage<HTMLHeadingElement>(title);
  const words = (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      <p className="lead">{text}</p>
      <p>
        <Link className="button primary" to={to}>
          {toName}
        </Link>
      </p>
    </>
  );
  return isPart ? (
    <div className="content lost" data-testid={testId}>
      {words}
    </div>
  ) : (
    <main id="main" className="lost" data-testid={testId}>
      {words}
    </main>
  );
}
