import type { ConnectionState, Envelope, EventType, StaleCause } from "@fanfare/client";
import { Cell } from "../store.js";

/** How an event reached the page. */
export type Arrival =
  /** As it happened. */
  | "live"
  /** Afterwards, because the page was away when it happened. */
  | "recovered";

/** An event as it arrived. */
export interface EventEntry {
  readonly kind: "event";
  readonly key: string;
  readonly type: EventType;
  readonly summary: string;
  /** Its place in every room it belongs to; the campaign's first. */
  readonly places: readonly { readonly room: string; readonly offset: number }[];
  readonly arrival: Arrival;
  /** From the commit until it was handed out, in milliseconds, by the server's clock. */
  readonly latencyMs: number;
  readonly by: string;
}

/** Something that happened to the connection or the room. */
export interface MarkEntry {
  readonly kind: "mark";
  readonly key: string;
  readonly tone: "good" | "bad" | "neutral";
  readonly text: string;
  readonly at: number;
}

export type Entry = EventEntry | MarkEntry;

/** How many entries are kept. */
const LIMIT = 100;

/** The list changes no more often: nobody reads faster, and in a storm of events drawing it is the dearest part. */
const PACE_MS = 100;

/** Calls back after so long; with the next frame when that is nothing, or soon when a hidden page has no frames. */
function later(callback: () => void, waitMs: number): void {
  if (waitMs > 0) {
    setTimeout(callback, waitMs);
    return;
  }
  let isDone = false;
  const once = () => {
    if (!isDone) {
      isDone = true;
      callback();
    }
  };
  requestAnimationFrame(once);
  setTimeout(once, 250);
}

/** What has arrived, newest first, with the marks of what happened in between. A burst is shown at once, a storm ten times a second. */
export class Journal {
  readonly entries = new Cell<readonly Entry[]>([]);
  /** How far the server's clock is ahead of this machine's, in milliseconds. */
  skewMs = 0;
  readonly #now: () => number;
  readonly #later: typeof later;
  #shownAt = 0;
  /** What is not shown yet, newest first. */
  #waiting: Entry[] = [];
  #marks = 0;
  /** Events that were brought after the last loss, and have not been counted in a mark yet. */
  #recovered = 0;
  #wasUp = false;
  #isAway = false;

  constructor(now: () => number = Date.now, schedule = later) {
    this.#now = now;
    this.#later = schedule;
  }

  /** An event was handed out; `by` is the name of who caused it. */
  event(event: Envelope, arrival: Arrival, summary: string, by: string): void {
    if (arrival === "recovered") {
      this.#recovered += 1;
    }
    this.#add({
      kind: "event",
      key: event.id,
      type: event.type,
      summary,
      places: Object.entries(event.offsets).map(([room, offset]) => ({ room, offset })),
      arrival,
      latencyMs: Math.max(0, this.#now() + this.skewMs - Date.parse(event.timestamp)),
      by,
    });
  }

  /** The connection's state may have changed. */
  connection({ status, lastError }: Pick<ConnectionState, "status" | "lastError">): void {
    if (status === "connected") {
      this.#wasUp = true;
    } else if (this.#wasUp && !this.#isAway) {
      this.#isAway = true;
      this.mark("bad", lastError?.message ?? "The connection was lost.");
    }
  }

  /** The room is joined and everything that was missed has been handed out. */
  caughtUp(): void {
    if (this.#isAway) {
      this.#isAway = false;
      const count = this.#recovered;
      this.mark(
        "good",
        count === 0
          ? "Connected again: nothing was missed."
          : `Connected again: caught up with ${count} missed event${count === 1 ? "" : "s"}.`,
      );
    }
    this.#recovered = 0;
  }

  /** Continuity was lost, and the state is being read again. */
  stale(reason: StaleCause): void {
    this.#isAway = false;
    this.#recovered = 0;
    this.mark("neutral", `${STALE[reason]} The state was read again.`);
  }

  mark(tone: MarkEntry["tone"], text: string): void {
    this.#marks += 1;
    this.#add({ kind: "mark", key: `mark-${this.#marks}`, tone, text, at: this.#now() });
  }

  #add(entry: Entry): void {
    this.#waiting.unshift(entry);
    if (this.#waiting.length === 1) {
      this.#later(
        () => {
          this.#shownAt = this.#now();
          const waited = this.#waiting.splice(0);
          this.entries.set([...waited, ...this.entries.getSnapshot()].slice(0, LIMIT));
        },
        Math.max(0, this.#shownAt + PACE_MS - this.#now()),
      );
    } else if (this.#waiting.length > LIMIT) {
      this.#waiting.pop();
    }
  }
}

const STALE: Record<StaleCause, string> = {
  history_trimmed: "The log no longer holds what was missed.",
  epoch_changed: "The server has a new log.",
  unverified: "The server could not prove that nothing was missed.",
  not_recovered: "What was missed could not be recovered.",
  gap_not_closed: "The events kept arriving with holes.",
  bad_envelope: "What was missed could not be read.",
};
