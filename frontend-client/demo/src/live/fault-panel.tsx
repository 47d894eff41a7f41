import { useConnection, useFanfare } from "@fanfare/client/react";
import { useEffect, useState } from "react";
import { useValue } from "../store.js";
import { useViewer } from "../viewer.js";

const CUT_SECONDS = [3, 10, 30] as const;
const DELAYS_MS = [0, 200, 1000] as const;

/** Breaks things on purpose. */
export function FaultPanel({ room }: { readonly room: string }) {
  const { network } = useViewer();
  const { retry } = useFanfare();
  const { cutUntil, delayMs } = useValue(network.state);
  const status = useConnection((connection) => connection.status);
  const secondsLeft = useSecondsUntil(cutUntil);
  const { inflict } = network;
  return (
    <details className="panel faults" data-testid="faults">
      <summary>
        <h2>Break it</h2>
        <span className="hint">and see it heal</span>
      </summary>
      <p className="hint">
        Between this page and its server, in all tabs where you are signed in. Change something in another
        window meanwhile.
      </p>
      <fieldset>
        <legend>Cut the network</legend>
        <div className="row">
          {CUT_SECONDS.map((seconds) => (
            <button
              key={seconds}
              type="button"
              disabled={cutUntil !== null}
              data-testid={`fault-cut-${seconds}`}
              onClick={() => inflict({ kind: "cut", ms: seconds * 1000 })}
            >
              {seconds} s
            </button>
          ))}
          <button
            type="button"
            disabled={cutUntil === null}
            data-testid="fault-mend"
            onClick={() => inflict({ kind: "mend" })}
          >
            {secondsLeft === null ? "Mend" : `Mend (${secondsLeft} s left)`}
          </button>
        </div>
      </fieldset>
      <fieldset>
        <legend>Delay everything, each way</legend>
        <div className="row">
          {DELAYS_MS.map((ms) => (
            <button
              key={ms}
              type="button"
              aria-pressed={delayMs === ms}
              data-testid={`fault-delay-${ms}`}
              onClick={() => inflict({ kind: "delay", ms })}
            >
              {ms === 0 ? "Not at all" : ms < 1000 ? `${ms} ms` : `${ms / 1000} s`}
            </button>
          ))}
        </div>
      </fieldset>
      <ul className="fault-list">
        <li>
          <button type="button" data-testid="fault-kill" onClick={() => inflict({ kind: "kill" })}>
            Kill the socket
          </button>
          <span>It comes back and asks for what it missed.</span>
        </li>
        <li>
          <button type="button" data-testid="fault-stale" onClick={() => inflict({ kind: "stale", room })}>
            Go stale
          </button>
          <span>Nothing can be proved, so everything is read again.</span>
        </li>
        <li>
          <button type="button" data-testid="fault-expire" onClick={() => inflict({ kind: "expire" })}>
            Expire the token
          </button>
          <span>It is refused once, then a fresh one follows.</span>
        </li>
        <li>
          <button type="button" data-testid="retry" disabled={status === "connected"} onClick={retry}>
            Connect now
          </button>
          <span>Without waiting for the next attempt.</span>
        </li>
      </ul>
    </details>
  );
}

/** Whole seconds until a moment; null when there is none. */
function useSecondsUntil(until: number | null): number | null {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (until === null) {
      return;
    }
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? null : Math.max(1, Math.ceil((until - now) / 1000));
}
