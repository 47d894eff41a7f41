import type { HTMLAttributes, ReactNode } from "react";
import { type ConnectionLabels, ENGLISH } from "./labels.js";
import { type Notice, useNotice } from "./notice.js";
import { useFanfare } from "./provider.js";
import { useConnection } from "./use-connection.js";

export interface ConnectionNoticesProps extends Omit<HTMLAttributes<HTMLDivElement>, "children"> {
  readonly labels?: Partial<ConnectionLabels> | undefined;
  /** How long a loss is kept to oneself, in milliseconds: most are over sooner. Default 2000. */
  readonly graceMs?: number | undefined;
  /** How long it is told that the connection is back, in milliseconds. Default 4000. */
  readonly backMs?: number | undefined;
  /** Renders a notice in your own way. */
  readonly children?: ((notice: Notice, retry: () => void) => ReactNode) | undefined;
}

/**
 * Says that the connection was lost, and that it is back; empty when all is well. The element itself is
 * always there, because a screen reader reads only what changes inside a live region that it knows already.
 * Without styles: `data-fanfare="notices"`, and `data-notice` with the notice.
 */
export function ConnectionNotices(props: ConnectionNoticesProps) {
  const { labels, graceMs = 2000, backMs = 4000, children, ...rest } = props;
  const { retry } = useFanfare();
  const status = useConnection((connection) => connection.status);
  const notice = useNotice(status, { graceMs, backMs });
  const words = { ...ENGLISH, ...labels };
  return (
    <div {...rest} role="status" data-fanfare="notices" data-notice={notice ?? undefined}>
      {notice !== null &&
        (children?.(notice, retry) ?? (
          <p>
            {words[notice]}{" "}
            {notice !== "back" && (
              <button type="button" onClick={retry}>
                {words.retry}
              </button>
            )}
          </p>
        ))}
    </div>
  );
}
