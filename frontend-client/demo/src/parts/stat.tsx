import { useEffect, useRef, useState } from "react";
import { shown } from "../world/terms.js";
import { Flash } from "./flash.js";

export interface StatProps {
  readonly label: string;
  readonly value: number | undefined;
  readonly testId?: string;
  /** What it means, for those who wonder. */
  readonly hint?: string;
}

/** How long it is shown by how much a number has changed. */
const SHOWN_MS = 4000;

/** A number with its name; after a change also by how much, for a moment. */
export function Stat({ label, value, testId, hint }: StatProps) {
  const delta = useDelta(value);
  return (
    <div className="stat" title={hint}>
      <dt>
        {label}
        {delta !== null && (
          <span
            key={delta.key}
            className="delta"
            data-sign={delta.by > 0 ? "more" : "less"}
            aria-hidden="true"
          >
            {delta.by > 0 ? `+${shown(delta.by)}` : `−${shown(-delta.by)}`}
          </span>
        )}
      </dt>
      <dd>
        <Flash value={value} testId={testId}>
          {value === undefined ? "–" : shown(value)}
        </Flash>
      </dd>
    </div>
  );
}

function useDelta(value: number | undefined) {
  const [delta, setDelta] = useState<{ by: number; key: number } | null>(null);
  const last = useRef(value);
  const changes = useRef(0);
  useEffect(() => {
    const before = last.current;
    last.current = value;
    if (value !== undefined && before !== undefined && before !== value) {
      changes.current += 1;
      setDelta({ by: value - before, key: changes.current });
    }
  }, [value]);
  useEffect(() => {
    // Not left to the animation alone: whoever wants no motion gets none.
    const timer = delta && setTimeout(() => setDelta(null), SHOWN_MS);
    return () => clearTimeout(timer ?? undefined);
  }, [delta]);
  return delta;
}
