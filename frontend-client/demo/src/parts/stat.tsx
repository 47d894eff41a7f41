import { useEffect, useRef, useState } from "react";
import { Flash } from "./flash.js";

export interface StatProps {
  readonly label: string;
  readonly value: number | undefined;
  readonly testId?: string;
  /** What it means, for those who wonder. */
  readonly hint?: string;
}

const NUMBER = new Intl.NumberFormat("en-GB");

/** A number with its name; after a change also by how much, for a moment. */
export function Stat({ label, value, testId, hint }: StatProps) {
  const delta = useDelta(value);
  return (
    <div className="stat" title={hint}>
      <dt>{label}</dt>
      <dd>
        <Flash value={value} testId={testId}>
          {value === undefined ? "–" : NUMBER.format(value)}
        </Flash>
        {delta !== null && (
          <span
            key={delta.key}
            className="delta"
            data-sign={delta.by > 0 ? "more" : "less"}
            aria-hidden="true"
          >
            {delta.by > 0 ? `+${NUMBER.format(delta.by)}` : `−${NUMBER.format(-delta.by)}`}
          </span>
        )}
      </dd>
    </div>
  );
}

function useDelta(value: number | undefined) {
  const [delta, setDelta] = useState<{ by: number; key: number } | null>(null);
  const last = useRef(value);
  useEffect(() => {
    const before = last.current;
    if (value !== undefined && before !== value) {
      last.current = value;
      if (before !== undefined) {
        setDelta((shown) => ({ by: value - before, key: (shown?.key ?? 0) + 1 }));
      }
    }
  }, [value]);
  return delta;
}
