import { sentenceOf } from "../world/errors.js";

export interface ProblemProps {
  readonly error: unknown;
  readonly onRetry?: () => void;
}

/** Says what went wrong, and offers to try again. */
export function Problem({ error, onRetry }: ProblemProps) {
  return (
    <p className="notice" role="alert" data-testid="problem">
      {sentenceOf(error)}{" "}
      {onRetry && (
        <button type="button" className="quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </p>
  );
}
