import type { Environment } from "../environment.js";
import { FanfareError } from "../errors.js";
import type { Code, Position } from "../generated/protocol.js";
import { numberIn, textIn } from "../wire/check.js";

/** The most events that the server gives at once. */
const PAGE = 300;
const LIMIT_MS = 10_000;

/** A part of a room's log. */
export interface HistoryPage {
  readonly epoch: string;
  readonly head: number;
  /** Unchecked. */
  readonly events: readonly unknown[];
}

/** Reads logs over HTTP. */
export class RoomHistory {
  token: string;
  readonly #base: string;
  readonly #fetch: Environment["fetch"];
  readonly #ended = new AbortController();

  constructor(url: string, token: string, environment: Environment) {
    this.#base = url.replace(/\/$/, "");
    this.token = token;
    this.#fetch = environment.fetch;
  }

  /** Ends every request that is under way. */
  abort(): void {
    this.#ended.abort();
  }

  /**
   * Whether the server answers at all.
   * @throws FanfareError when it does not.
   */
  async reach(limitMs: number): Promise<void> {
    await this.#get("/healthz", limitMs, (answer) => answer.text());
  }

  /** The events after a position; null when the log no longer holds all of them. */
  after(room: string, { epoch, offset }: Position): Promise<HistoryPage | null> {
    const query = new URLSearchParams({ epoch, after: String(offset), limit: String(PAGE) });
    return this.#read(room, `?${query}`).catch((error: unknown) => {
      if (error instanceof FanfareError && error.code === "history_trimmed") {
        return null;
      }
      throw error;
    });
  }

  /** Where the log ends now. */
  head(room: string): Promise<HistoryPage> {
    return this.#read(room, "?limit=0");
  }

  async #read(room: string, query: string): Promise<HistoryPage> {
    const path = `/api/rooms/${encodeURIComponent(room)}/events${query}`;
    const page = await this.#get(path, LIMIT_MS, (answer): Promise<unknown> => answer.json());
    const epoch = textIn(page, "epoch");
    const head = numberIn(page, "head");
    const events = (page as { events?: unknown } | null)?.events;
    if (epoch === null || head === null || !Array.isArray(events)) {
      throw new FanfareError("bad_envelope", "The server's answer is not a part of a room's log.", { room });
    }
    return { epoch, head, events };
  }

  async #get<T>(path: string, limitMs: number, read: (answer: Response) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const end = () => limit.abort();
    const timer = setTimeout(end, limitMs);
    this.#ended.signal.addEventListener("abort", end);
    try {
      const headers = { accept: "application/json", authorization: `Bearer ${this.token}` };
      const init: RequestInit = { headers, signal: limit.signal, cache: "no-store" };
      const answer = await this.#fetch(this.#base + path, init);
      if (!answer.ok) {
        throw await problemOf(answer);
      }
      return await read(answer);
    } catch (error) {
      throw FanfareError.from(error, limit.signal.aborted ? "timeout" : "connection_lost");
    } finally {
      clearTimeout(timer);
      this.#ended.signal.removeEventListener("abort", end);
    }
  }
}

async function problemOf(answer: Response): Promise<FanfareError> {
  const problem: unknown = await answer.json().catch(() => null);
  const code = textIn(problem, "code") as Code | null;
  const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
  return new FanfareError(code ?? "connection_lost", textIn(problem, "detail") ?? `HTTP ${answer.status}.`, {
    retryAfterMs: numberIn(problem, "retryAfterMs") ?? (seconds >= 0 ? seconds * 1000 : undefined),
  });
}
