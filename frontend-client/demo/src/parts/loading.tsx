export interface LoadingProps {
  readonly what: string;
  /** Inside of a page that is there already. */
  readonly isPart?: boolean;
}

/** Says that something is on its way; only when it takes long enough to be noticed (by CSS). */
export function Loading({ what, isPart = false }: LoadingProps) {
  const words = <p role="status">Loading {what}…</p>;
  return isPart ? (
    <div className="content waiting" aria-busy="true">
      {words}
    </div>
  ) : (
    <main id="main" className="waiting" aria-busy="true">
      {words}
    </main>
  );
}
