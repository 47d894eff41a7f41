import { useConnection, useFanfare, useFreshness } from "@fanfare/client/react";
import { memo } from "react";
import { useValue } from "../store.js";
import { inWords } from "../world/terms.js";
import type { Entry, EventEntry, Journal, MarkEntry } from "./journal.js";

export interface InspectorProps {
  readonly journal: Journal;
  readonly room: string;
}

/** Everything that arrives in the campaign's room, as it arrives: for those who want to see how it works. */
export function Inspector({ journal, room }: InspectorProps) {
  const entries = useValue(journal.entries);
  return (
    <section className="panel inspector" aria-labelledby="inspector-title" data-testid="inspector">
      <div className="panel-head">
        <h2 id="inspector-title">Live events</h2>
        <FreshnessMark room={room} />
      </div>
      <ConnectionFacts />
      {entries.length === 0 ? (
        <p className="empty">Everything that happens in this campaign appears here.</p>
      ) : (
        // A log for people who look at it: read aloud, every event of a busy world would drown the page.
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
        <ol className="feed" aria-label="Events, newest first" tabIndex={0} data-testid="events">
          {entries.map((entry) => (
            <Line key={entry.key} entry={entry} />
          ))}
        </ol>
      )}
    </section>
  );
}

const FRESHNESS = { live: "Live", catching_up: "Catching up", stale: "Stale" } as const;

function FreshnessMark({ room }: { readonly room: string }) {
  const freshness = useFreshness(room);
  return (
    <span className="chip" data-tone={freshness} data-testid="freshness" data-freshness={freshness}>
      {FRESHNESS[freshness]}
    </span>
  );
}

const SHARING = { alone: "own", leader: "shared, held here", follower: "shared, held by another tab" };

function ConnectionFacts() {
  const { transport, rttMs, sharing } = useConnection();
  const fanfare = useFanfare();
  const { duplicates, gaps } = fanfare.counters();
  return (
    <dl className="connection-facts">
      <div>
        <dt>Carried by</dt>
        <dd data-testid="transport">{transport ?? "nothing"}</dd>
      </div>
      <div>
        <dt>Round trip</dt>
        <dd>{rttMs === null ? "–" : `${Math.round(rttMs)} ms`}</dd>
      </div>
      <div>
        <dt>Connection</dt>
        <dd data-testid="sharing">{SHARING[sharing]}</dd>
      </div>
      <div>
        <dt>Gaps, repeats</dt>
        <dd>
          {gaps}, {duplicates}
        </dd>
      </div>
    </dl>
  );
}

/** Entries never change: a burst renders only those that are new. */
const Line = memo(function Line({ entry }: { readonly entry: Entry }) {
  return entry.kind === "mark" ? <Mark entry={entry} /> : <Event entry={entry} />;
});

function Mark({ entry: { tone, text } }: { readonly entry: MarkEntry }) {
  return (
    <li className="mark" data-tone={tone} data-testid="mark">
      {text}
    </li>
  );
}

function Event({ entry }: { readonly entry: EventEntry }) {
  const { type, summary, places, arrival, latencyMs, by } = entry;
  return (
    <li className="event" data-arrival={arrival} data-type={type} data-testid="event">
      <p className="event-what">
        {summary}
        <span className="event-latency">
          {arrival === "recovered" ? <b>recovered</b> : `${Math.round(latencyMs)} ms`}
        </span>
      </p>
      <p className="event-about">
        <span
          className="event-place"
          title={places.map(({ room, offset }) => `${room} ${offset}`).join("\n")}
        >
          {places.map(({ room, offset }) => `${room.split(":")[0]} #${offset}`).join(" · ")}
        </span>
        <span>
          {inWords(type)} by {by}
        </span>
      </p>
    </li>
  );
}
