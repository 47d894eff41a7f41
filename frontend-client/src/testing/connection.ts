import type { Code, UnsubscribeCode } from "../generated/protocol.js";
import type { FakeLog } from "./log.js";
import type { FakeWire } from "./wire.js";
import { isReadable } from "./wish.js";

/** How a fake server refuses something. */
export interface Refusal {
  readonly code: Code;
  readonly retryAfterMs?: number;
}

/** What a connection sees of its server. */
export interface FakeHost {
  readonly log: FakeLog;
  readonly recoveryLimit: number;
  readonly refusalOf: (command: string, room: string | null) => Refusal | null;
  readonly received: (command: string, payload: Record<string, unknown>) => void;
  readonly membersOf: (room: string) => readonly string[];
  readonly refreshed: (connection: FakeConnection, token: string) => void;
  readonly ended: (connection: FakeConnection) => void;
}

type Payload = Record<string, unknown>;

/** The server's side of one connection: the protocol's commands, one after another. */
export class FakeConnection {
  readonly wire: FakeWire;
  readonly user: string;
  readonly rooms = new Set<string>();
  readonly #host: FakeHost;
  readonly #watched = new Set<string>();

  constructor(wire: FakeWire, user: string, host: FakeHost) {
    this.wire = wire;
    this.user = user;
    this.#host = host;
  }

  command(name: string, payload: Payload): unknown {
    this.#host.received(name, payload);
    const refusal = this.#host.refusalOf(name, null);
    if (refusal) {
      return failure(refusal);
    }
    const wishes = (payload["rooms"] ?? ("room" in payload ? [payload] : [])) as Payload[];
    if (!wishes.every(isReadable)) {
      return failure({ code: "bad_request" });
    }
    const room = String(payload["room"] ?? "");
    switch (name) {
      case "ping":
        return { success: true, serverTime: new Date().toISOString() };
      case "subscribe":
        return this.#join(payload);
      case "subscribe_many":
        return { success: true, results: wishes.map((wish) => this.#join(wish)) };
      case "unsubscribe":
        this.rooms.delete(room);
        return { success: true };
      case "refresh_token":
        this.#host.refreshed(this, String(payload["token"]));
        return { success: true };
      case "presence_subscribe":
        this.#watched.add(room);
        queueMicrotask(() => this.wire.say("presence", { room, members: this.#host.membersOf(room) }));
        return { success: true };
      case "presence_unsubscribe":
        this.#watched.delete(room);
        return { success: true };
      default:
        return failure({ code: "bad_request" });
    }
  }

  /** Tells the client who came and went, if it asked for that. */
  presence(room: string, change: { joined?: string[]; left?: string[] }): void {
    if (this.#watched.has(room)) {
      this.wire.say("presence", { room, ...change });
    }
  }

  /** Tells the heads of the joined rooms. */
  heads(): void {
    if (this.rooms.size > 0) {
      const rooms = Object.fromEntries([...this.rooms].map((room) => [room, this.#host.log.head(room)]));
      this.wire.say("heads", { epoch: this.#host.log.epoch, rooms });
    }
  }

  /** Takes the connection out of a room. */
  remove(room: string, code: UnsubscribeCode): void {
    if (this.rooms.delete(room)) {
      this.wire.say("unsubscribed", { room, code });
    }
  }

  closed(): void {
    this.#host.ended(this);
  }

  #join(wish: Payload): unknown {
    const room = String(wish["room"]);
    const refusal = this.#host.refusalOf("subscribe", room);
    if (refusal) {
      return { ...failure(refusal), room };
    }
    const { log, recoveryLimit } = this.#host;
    const position = wish["position"] as { epoch: string; offset: number } | undefined;
    const missed = position ? log.since(room, position, recoveryLimit) : null;
    this.rooms.add(room);
    const place = { room, epoch: log.epoch, offset: log.head(room) };
    return { success: true, ...place, recovered: missed !== null, events: missed ?? [] };
  }
}

function failure({ code, retryAfterMs }: Refusal): Payload {
  const body = { success: false, error: `Refused: ${code}.`, code };
  return retryAfterMs === undefined ? body : { ...body, retryAfterMs };
}
