import type { Environment } from "../environment.js";
import { FanfareError } from "../errors.js";
import type { Position, SubscribeRoom } from "../generated/protocol.js";
import { Timer } from "../timer.js";
import { claimsOf } from "../wire/jwt.js";
import { type HistoryPage, RoomHistory } from "./history.js";
import type { Link, LinkEvents } from "./transport.js";

/** Rounds in a row that must fail before the link is given up. */
const PATIENCE = 2;

/** Begins to poll. */
export function openPolling(
  url: string,
  token: string,
  environment: Environment,
  intervalMs: number,
  events: LinkEvents,
): Link {
  return new PollingLink(new RoomHistory(url, token, environment), intervalMs, token, events);
}

/** One connection by polling: asks for each room in turn whether there is news. */
class PollingLink implements Link {
  readonly #history: RoomHistory;
  readonly #intervalMs: number;
  readonly #events: LinkEvents;
  readonly #timer = new Timer();
  /** The rooms that the client wants to be in, joined already or not. */
  readonly #wanted = new Set<string>();
  readonly #rooms = new Map<string, Position>();
  #failures = 0;
  #over = false;

  constructor(history: RoomHistory, intervalMs: number, token: string, events: LinkEvents) {
    this.#history = history;
    this.#intervalMs = intervalMs;
    this.#events = events;
    void this.#open(token);
  }

  async request(command: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    switch (command) {
      case "ping":
        await this.#history.reach(timeoutMs);
        return { success: true };
      case "refresh_token":
        this.#history.token = (payload as { token: string }).token;
        return { success: true };
      case "unsubscribe":
        this.#leave((payload as SubscribeRoom).room);
        return { success: true };
      case "subscribe_many": {
        const { rooms } = payload as { rooms: SubscribeRoom[] };
        return { success: true, results: await Promise.all(rooms.map((wish) => this.#join(wish))) };
      }
      default:
        throw new FanfareError(
          "not_supported",
          `'${command}' needs a socket; this connection polls over HTTP.`,
        );
    }
  }

  close(): void {
    this.#over = true;
    this.#timer.clear();
    this.#history.abort();
  }

  async #open(token: string): Promise<void> {
    const { sub, exp } = claimsOf(token);
    try {
      await this.#history.reach(10_000);
      // That the server is there says nothing about the token; whether it opens its user's own log does.
      await this.#history.head(`user:${sub}`).catch((error: unknown) => {
        if (isAboutToken(error)) {
          throw error;
        }
      });
    } catch (error) {
      this.#end(error);
      return;
    }
    const tokenExpiresAt = exp === null ? null : exp * 1000;
    this.#events.opened({ connectionId: null, userId: sub, tokenExpiresAt, skewMs: 0, policy: null });
    this.#plan();
  }

  #plan(): void {
    if (!this.#over) {
      this.#timer.set(this.#intervalMs, () => void this.#round());
    }
  }

  async #round(): Promise<void> {
    try {
      await Promise.all([...this.#rooms.keys()].map((room) => this.#poll(room)));
      this.#failures = 0;
      this.#tellHeads();
    } catch (error) {
      this.#failures += 1;
      if (isAboutToken(error) || this.#failures >= PATIENCE) {
        this.#end(error);
      }
    }
    this.#plan();
  }

  /** As over a socket, so that an event that could not be read is noticed although none follows. */
  #tellHeads(): void {
    const [first] = this.#rooms.values();
    const places = [...this.#rooms].filter(([, { epoch }]) => epoch === first?.epoch);
    if (first) {
      const rooms = Object.fromEntries(places.map(([room, { offset }]) => [room, offset]));
      this.#tell("heads", { epoch: first.epoch, rooms });
    }
  }

  async #join(wish: SubscribeRoom): Promise<unknown> {
    const { room, position } = wish;
    this.#wanted.add(room);
    try {
      const missed = position ? await this.#history.after(room, position) : null;
      const page = missed ?? (await this.#history.head(room));
      const recovered = missed !== null && missed.events.length === missed.head - (position?.offset ?? 0);
      const { epoch, head: offset } = page;
      if (this.#wanted.has(room) && this.#rooms.get(room)?.epoch !== epoch) {
        // A room that is polled already goes on where it is: others may still wait for what is in between.
        this.#rooms.set(room, { epoch, offset });
      }
      return { success: true, room, epoch, offset, recovered, events: recovered ? page.events : [] };
    } catch (error) {
      if (isAboutToken(error)) {
        this.#end(error);
      }
      const { code, message, retryAfterMs } = FanfareError.from(error, "connection_lost");
      // One lost request is not the end of the link: as if the server had asked to be asked again.
      const answer = code === "connection_lost" ? "unavailable" : code;
      return { success: false, room, code: answer, error: message, retryAfterMs };
    }
  }

  async #poll(room: string): Promise<void> {
    let page: HistoryPage | null;
    do {
      const position = this.#rooms.get(room);
      if (!position) {
        return;
      }
      try {
        page = await this.#history.after(room, position);
      } catch (error) {
        if (!(error instanceof FanfareError) || (error.code !== "not_found" && error.code !== "forbidden")) {
          throw error;
        }
        this.#leave(room);
        this.#tell("unsubscribed", { room, code: "membership_revoked" });
        return;
      }
      if (this.#rooms.get(room) !== position || this.#over) {
        return;
      }
      if (!page) {
        this.#rooms.delete(room);
        this.#tell("room_state_invalidated", { room, reason: "history_trimmed" });
        return;
      }
      const offset = position.offset + page.events.length;
      this.#rooms.set(room, { epoch: page.epoch, offset });
      for (const event of page.events) {
        this.#tell(String((event as { type?: unknown }).type), event);
      }
    } while (page.events.length > 0 && (this.#rooms.get(room)?.offset ?? 0) < page.head);
  }

  #leave(room: string): void {
    this.#wanted.delete(room);
    this.#rooms.delete(room);
  }

  #tell(name: string, argument: unknown): void {
    if (!this.#over) {
      this.#events.message(name, argument);
    }
  }

  #end(error: unknown): void {
    if (!this.#over) {
      this.close();
      this.#events.closed(FanfareError.from(error, "connection_lost"));
    }
  }
}

const isAboutToken = (error: unknown) => error instanceof FanfareError && error.code.startsWith("token_");
