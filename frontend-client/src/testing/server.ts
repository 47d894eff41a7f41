import { FanfareError } from "../errors.js";
import {
  type Code,
  type Envelope,
  type EventPayloads,
  type EventType,
  PROTOCOL_VERSION,
  type ReconnectPolicy,
  type StaleReason,
  type UnsubscribeCode,
} from "../generated/protocol.js";
import { newId } from "../id.js";
import { greetingOf } from "../transport/greeting.js";
import type { LinkEvents, Transport } from "../transport/transport.js";
import { claimsOf } from "../wire/jwt.js";
import { FakeConnection, type FakeHost, type Refusal } from "./connection.js";
import { historyOver } from "./history.js";
import { FakeLog, type PublishOptions } from "./log.js";
import { FakeWire, type Network } from "./wire.js";

/** What can be chosen about a fake server. */
export interface FakeServerOptions {
  /** How many missed events a recovery brings at most. Default 300, as the server's. */
  readonly recoveryLimit?: number;
  /** How often heads are told, in milliseconds. Default 15 000; 0 for never. */
  readonly headsIntervalMs?: number;
  /** How a client should come back. */
  readonly reconnect?: ReconnectPolicy;
  /** The protocol that the server claims to speak. */
  readonly protocol?: number;
}

/** A command that a fake server received. */
export interface Received {
  readonly command: string;
  readonly payload: Record<string, unknown>;
}

/**
 * A server in memory that speaks the real protocol, so that an application can be tested without one: give
 * its `transport` to `createFanfare`. Its events, cuts, refusals and delays are the test's to decide.
 */
export class FakeServer {
  /** Give this to `createFanfare`. */
  readonly transport: Transport = { kind: "socket", open: (_, token, events) => this.#accept(token, events) };
  /** The HTTP side, for clients that poll. */
  readonly fetch = (url: string, init: RequestInit = {}): Promise<Response> => this.#history(url, init);
  readonly network: Network = { latencyMs: 0, disturb: null };
  readonly log = new FakeLog();
  /** Every command received, oldest first. */
  readonly received: Received[] = [];
  /** Every token that a connection was opened or prolonged with. */
  readonly tokens: string[] = [];
  /** While set, every new connection fails: with a refusal's code, or as if there were no server. */
  refuseConnections: Code | "unreachable" | null = null;
  readonly #options: Required<FakeServerOptions>;
  readonly #connections = new Set<FakeConnection>();
  readonly #wires = new Set<FakeWire>();
  readonly #refusals = new Map<string, Refusal>();
  readonly #members = new Map<string, Set<string>>();
  readonly #history = historyOver(this);
  #heads: ReturnType<typeof setInterval> | undefined;

  constructor(options: FakeServerOptions = {}) {
    this.#options = {
      recoveryLimit: options.recoveryLimit ?? 300,
      headsIntervalMs: options.headsIntervalMs ?? 15_000,
      reconnect: options.reconnect ?? { minMs: 1000, maxMs: 32_000, jitter: true, maxAttempts: 10 },
      protocol: options.protocol ?? PROTOCOL_VERSION,
    };
  }

  /** How many clients are connected. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** In how many connections' care the room is. */
  subscribersOf(room: string): number {
    return [...this.#connections].filter(({ rooms }) => rooms.has(room)).length;
  }

  /** Commits an event and delivers it. A member who is removed leaves the campaign's room. */
  publish<T extends EventType>(type: T, payload: EventPayloads[T], options: PublishOptions = {}): Envelope {
    const [event, ...echoes] = this.commit(type, payload, options);
    for (const each of [event, ...echoes]) {
      this.deliver(each as Envelope);
    }
    return event as Envelope;
  }

  /** Commits an event without delivering it: as if the message had been lost. */
  commit<T extends EventType>(type: T, payload: EventPayloads[T], options: PublishOptions = {}): Envelope[] {
    return this.log.record(type, payload, options);
  }

  /** Sends an event to everyone in one of its rooms. */
  deliver(event: Envelope): void {
    for (const connection of this.#connections) {
      if (Object.keys(event.offsets).some((room) => connection.rooms.has(room))) {
        connection.wire.say(event.type, event);
      }
    }
  }

  /** Sends anything to every client. */
  say(name: string, argument: unknown): void {
    for (const { wire } of this.#connections) {
      wire.say(name, argument);
    }
  }

  /** Tells every client the heads of its rooms. */
  sayHeads(): void {
    for (const connection of this.#connections) {
      connection.heads();
    }
  }

  /** Breaks every connection. */
  cut(): void {
    for (const { wire } of [...this.#connections]) {
      wire.cut();
    }
  }

  /** From now on nothing gets through on the connections that are up, and nobody is told. */
  stall(): void {
    for (const wire of this.#wires) {
      wire.isStalled = true;
    }
  }

  /** Refuses a command, or a room by its name, until told otherwise with null. */
  refuse(what: string, refusal: Refusal | null): void {
    if (refusal) {
      this.#refusals.set(what, refusal);
    } else {
      this.#refusals.delete(what);
    }
  }

  /** Takes every connection out of a room and refuses it from now on. */
  remove(room: string, code: UnsubscribeCode = "membership_revoked"): void {
    this.refuse(room, { code: "not_found" });
    for (const connection of this.#connections) {
      connection.remove(room, code);
    }
  }

  /** Says that a room's continuity cannot be proved. */
  invalidate(room: string, reason: StaleReason): void {
    for (const { rooms, wire } of this.#connections) {
      if (rooms.has(room)) {
        wire.say("room_state_invalidated", { room, reason });
      }
    }
  }

  /** The database was rebuilt: a new epoch, empty logs. */
  restore(epoch = newId()): void {
    this.log.restore(epoch);
  }

  /** Someone enters or leaves a room. */
  presence(
    room: string,
    change: { readonly joined?: readonly string[]; readonly left?: readonly string[] },
  ): void {
    const joined = [...(change.joined ?? [])];
    const left = [...(change.left ?? [])];
    const members = new Set([...this.membersOf(room), ...joined].filter((user) => !left.includes(user)));
    this.#members.set(room, members);
    for (const connection of this.#connections) {
      connection.presence(room, { ...(joined.length > 0 && { joined }), ...(left.length > 0 && { left }) });
    }
  }

  /** The instance goes away: every client is asked to leave after so long, and cut off a second later. */
  drain(reconnectAfterMs: number): void {
    this.say("draining", { reconnectAfterMs });
    for (const { wire } of [...this.#connections]) {
      setTimeout(() => wire.cut(), reconnectAfterMs + 1000);
    }
  }

  /** How the server refuses a command or a room, if it does. */
  refusalOf(command: string, room: string | null): Refusal | null {
    return this.#refusals.get(room ?? command) ?? null;
  }

  membersOf(room: string): readonly string[] {
    return [...(this.#members.get(room) ?? [])].sort();
  }

  #accept(token: string, events: LinkEvents): FakeWire {
    const wire = new FakeWire(this.network, events);
    this.tokens.push(token);
    const { sub, exp } = claimsOf(token);
    if (this.refuseConnections !== null) {
      const code = this.refuseConnections === "unreachable" ? "connection_lost" : this.refuseConnections;
      wire.refuse(new FanfareError(code, `The fake server refuses connections: ${code}.`));
      return wire;
    }
    const host: FakeHost = {
      log: this.log,
      recoveryLimit: this.#options.recoveryLimit,
      refusalOf: (command, room) => this.refusalOf(command, room),
      received: (command, payload) => this.received.push({ command, payload }),
      membersOf: (room) => this.membersOf(room),
      refreshed: (_, fresh) => this.tokens.push(fresh),
      ended: (ended) => this.#ended(ended),
    };
    const connection = new FakeConnection(wire, sub ?? "someone", host);
    wire.attach(connection);
    this.#connections.add(connection);
    this.#wires.add(wire);
    this.#keepTellingHeads();
    const welcome = {
      protocol: this.#options.protocol,
      connectionId: newId(),
      userId: connection.user,
      epoch: this.log.epoch,
      serverTime: new Date().toISOString(),
      tokenExpiresAt: exp === null ? undefined : new Date(exp * 1000).toISOString(),
      reconnect: this.#options.reconnect,
    };
    try {
      wire.greet(greetingOf(welcome));
    } catch (error) {
      wire.refuse(FanfareError.from(error, "protocol_mismatch"));
    }
    return wire;
  }

  #ended(connection: FakeConnection): void {
    this.#connections.delete(connection);
    this.#wires.delete(connection.wire);
    if (this.#connections.size === 0) {
      clearInterval(this.#heads);
      this.#heads = undefined;
    }
  }

  #keepTellingHeads(): void {
    if (this.#options.headsIntervalMs > 0) {
      this.#heads ??= setInterval(() => this.sayHeads(), this.#options.headsIntervalMs);
    }
  }
}
