import type { EventPayloads } from "../generated/protocol.js";
import { type Envelope, type EventType, type Position, PROTOCOL_VERSION } from "../generated/protocol.js";
import { newId } from "../id.js";

/** The rooms of an event, the root first, as the server chooses them. */
export function roomsOf<T extends EventType>(type: T, payload: EventPayloads[T]): string[] {
  const fields = payload as Partial<Record<string, unknown>>;
  const rooms = [`campaign:${String(fields["campaignId"])}`];
  if (
    type === "entity_updated" &&
    (fields["entityType"] === "settlement" || fields["entityType"] === "structure")
  ) {
    rooms.push(`${fields["entityType"]}:${String(fields["entityId"])}`);
  }
  if (type === "settlement_updated" || type === "structure_updated") {
    rooms.push(`settlement:${String(fields["settlementId"])}`);
  }
  if (type === "structure_updated") {
    rooms.push(`structure:${String(fields["structureId"])}`);
  }
  return rooms;
}

/** What can be chosen about an event. */
export interface PublishOptions {
  /** Default: a new one. */
  readonly id?: string;
  /** Who caused it. Default `someone`. */
  readonly userId?: string;
  /** The request whose echo it is. */
  readonly requestId?: string;
  /** Instead of the rooms that the server would choose. */
  readonly rooms?: readonly string[];
}

/** Every room's log, in memory: dense offsets, one epoch, and as much history as is left after trimming. */
export class FakeLog {
  epoch = "epoch-1";
  readonly #rooms = new Map<string, Envelope[]>();
  readonly #heads = new Map<string, number>();

  /** Records an event; gives one envelope, or two when the type has a second log. */
  record<T extends EventType>(type: T, payload: EventPayloads[T], options: PublishOptions = {}): Envelope[] {
    const events = [this.#append(type, payload, options.rooms ?? roomsOf(type, payload), options)];
    if (type === "membership_changed" && !options.rooms) {
      // The member may not be able to see the campaign, so the fact stands in the member's own log as well.
      const { userId } = payload as EventPayloads["membership_changed"];
      events.push(this.#append(type, payload, [`user:${userId}`], {}));
    }
    return events;
  }

  /** The events that the log still holds, oldest first. */
  of(room: string): readonly Envelope[] {
    return this.#rooms.get(room) ?? [];
  }

  head(room: string): number {
    return this.#heads.get(room) ?? 0;
  }

  /** What a client at `position` has missed, or null when that cannot be told. */
  since(room: string, { epoch, offset }: Position, limit: number): Envelope[] | null {
    const missed = this.head(room) - offset;
    const held = this.of(room);
    if (epoch !== this.epoch || missed < 0 || missed > limit || missed > held.length) {
      return null;
    }
    return missed === 0 ? [] : held.slice(-missed);
  }

  /** Forgets all but the newest events of a room. */
  trim(room: string, keep: number): void {
    this.#rooms.set(room, keep === 0 ? [] : this.of(room).slice(-keep));
  }

  /** The database was rebuilt: the same rooms, nothing in them, offsets that mean something else. */
  restore(epoch: string): void {
    this.epoch = epoch;
    this.#rooms.clear();
    this.#heads.clear();
  }

  #append(type: EventType, payload: unknown, rooms: readonly string[], options: PublishOptions): Envelope {
    const offsets: Record<string, number> = {};
    for (const room of rooms) {
      offsets[room] = this.head(room) + 1;
      this.#heads.set(room, this.head(room) + 1);
    }
    const { userId = "someone", requestId } = options;
    const metadata = { userId, source: "api", correlationId: newId() };
    const event = {
      v: PROTOCOL_VERSION,
      id: options.id ?? newId(),
      type,
      timestamp: new Date().toISOString(),
      epoch: this.epoch,
      offsets,
      payload,
      metadata: requestId === undefined ? metadata : { ...metadata, requestId },
      // Type and payload belong together by the signature of `record`.
    } as Envelope;
    for (const room of rooms) {
      this.#rooms.set(room, [...this.of(room), event]);
    }
    return event;
  }
}
