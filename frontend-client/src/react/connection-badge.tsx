import { type HTMLAttributes, useEffect, useState } from "react";
import { type ConnectionLabels, ENGLISH, secondsUntil, textFor } from "./labels.js";
import { useFanfare } from "./provider.js";
import { useConnection } from "./use-connection.js";

export interface ConnectionBadgeProps extends Omit<HTMLAttributes<HTMLSpanElement>, "children"> {
  readonly labels?: Partial<ConnectionLabels> | undefined;
  /** Also say that the connection is up. Default false: nothing is rendered when there is nothing to say. */
  readonly showConnected?: boolean | undefined;
  /** How long the connection may be down before it is worth saying, in milliseconds. Default 400. */
  readonly delayMs?: number | undefined;
}

/**
 * A word on the connection for a header or status bar, with the attempts and a button to try at once.
 * Without styles: `data-fanfare="badge"`, and `data-status` with the status.
 */
export function ConnectionBadge({
  labels,
  showConnected = false,
  delayMs = 400,
  ...rest
}: ConnectionBadgeProps) {
  const fanfare = useFanfare();
  const connection = useConnection();
  const { status, nextRetryAt } = connection;
  const isUp = status === "connected";
  const isOverdue = useElapsed(!isUp, delayMs);
  const now = useNow(nextRetryAt);
  if (isUp ? !showConnected : !isOverdue) {
    return null;
  }
  const words = { ...ENGLISH, ...labels };
  const isWaiting = status === "reconnecting" || status === "failed";
  return (
    <span {...rest} data-fanfare="badge" data-status={status}>
      {textFor(words, connection, secondsUntil(nextRetryAt, now))}
      {isWaiting && nextRetryAt !== null && (
        <>
          {" "}
          <button type="button" onClick={fanfare.retry}>
            {words.retry}
          </button>
        </>
      )}
    </span>
  );
}

/** Whether `active` has been true for so long without a break. */
function useElapsed(active: boolean, ms: number): boolean {
  const [elapsed, setElapsed] = useState(false);
  useEffect(() => {
    if (!active) {
      return;
    }
    const timer = setTimeout(() => setElapsed(true), ms);
    return () => {
      clearTimeout(timer);
      setElapsed(false);
    };
  }, [active, ms]);
  return active && elapsed;
}

/** The time now, renewed every second as long as there is something to count down to. */
function useNow(until: number | null): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (until === null) {
      return;
    }
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [until]);
  return now;
}
