// Made from src/protocol by `make gen`. Do not edit.

/**
 * An acknowledgement. `{ "success": true, … }` or `{ "success": false, "error", "code", … }`.
 */
export type Ack = Subscribed | { success: boolean, results: Array<Ack>, } | { success: boolean, serverTime: Timestamp, } | { success: boolean, } | AckFailure;

/**
 * The answer to a command that failed.
 */
export type AckFailure = { success: boolean, 
/**
 * A sentence for people.
 */
error: string, code: Code, room?: Room, retryAfterMs?: number, details?: Array<FieldError>, };

/**
 * A campaign: the world that its settlements, its structures and its clock belong to.
 *
 * A UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that
 * they sort by creation.
 */
export type CampaignId = string;

/**
 * Why something was refused. The wire names are fixed; each belongs to one HTTP status.
 */
export type Code = "not_found" | "forbidden" | "bad_request" | "rate_limited" | "limit_exceeded" | "conflict" | "unavailable" | "internal" | "token_missing" | "token_invalid" | "token_expired" | "token_revoked" | "connection_limit" | "server_busy" | "server_draining" | "origin_denied" | "history_trimmed";

/**
 * The public name of one connection. Never the Engine.IO session id, which is a secret.
 *
 * A UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that
 * they sort by creation.
 */
export type ConnectionId = string;

/**
 * The instance is going away: reconnect after the delay, which differs per connection.
 */
export type Draining = { reconnectAfterMs: number, };

/**
 * What an entity is. Only campaigns, settlements and structures have rooms of their own; the others
 * belong to services outside and reach the campaign's room.
 */
export type EntityKind = "campaign" | "settlement" | "structure" | "location" | "encounter" | "event" | "character" | "item";

/**
 * One entity by kind and id.
 */
export type EntityRef = { entityType: EntityKind, entityId: string, };

/**
 * Any entity of a campaign was created, changed or deleted.
 */
export type EntityUpdated = { entityType: EntityKind, 
/**
 * 1 to 64 characters; a campaign, settlement or structure id when the entity is one.
 */
entityId: string, campaignId: CampaignId, operation: Operation, 
/**
 * The entity's own version after the change: a cache ignores one that is not newer than what it holds.
 */
version: number, changedFields: Array<string>, 
/**
 * The changed fields with their values, or the whole entity. Absent when it should be read again.
 */
entityData?: Record<string, unknown>, };

/**
 * An event as it goes over the wire and into the log.
 */
export type Envelope = { 
/**
 * The version of the wire contract that its writer spoke.
 */
v: number, 
/**
 * Unique; a client drops an id it has seen.
 */
id: EventId, 
/**
 * When the change was committed, real time.
 */
timestamp: Timestamp, epoch: Epoch, offsets: Offsets, metadata: Metadata, } & ({ "type": "entity_updated", "payload": EntityUpdated } | { "type": "settlement_updated", "payload": SettlementUpdated } | { "type": "structure_updated", "payload": StructureUpdated } | { "type": "world_time_changed", "payload": WorldTimeChanged } | { "type": "state_invalidated", "payload": StateInvalidated } | { "type": "membership_changed", "payload": MembershipChanged });

/**
 * The identity of the log that offsets count in; new when a database is created or restored.
 */
export type Epoch = string;

/**
 * The identity of one event: 1 to 64 printable ASCII characters, a UUIDv7 unless a publisher chose its own.
 */
export type EventId = string;

/**
 * The name of an event on the wire.
 */
export type EventType = "entity_updated" | "settlement_updated" | "structure_updated" | "world_time_changed" | "state_invalidated" | "membership_changed";

/**
 * One wrong input.
 */
export type FieldError = { 
/**
 * The path of the input, as in `rooms[2].position.offset`.
 */
field: string, message: string, };

/**
 * The heads of the rooms that the connection has joined.
 */
export type Heads = { epoch: Epoch, rooms: { [key in Room]: Offset }, };

/**
 * How much an invalidation covers.
 */
export type InvalidationScope = "campaign" | "entity";

/**
 * A user's role in a campaign changed; `role` is null when the user was removed.
 */
export type MembershipChanged = { campaignId: CampaignId, userId: UserId, role: Role | null, };

/**
 * Where an event came from.
 */
export type Metadata = { 
/**
 * Who caused it.
 */
userId: UserId, 
/**
 * Through what: `api` for this server's own services, otherwise the name that the publisher gave. At most 64 characters.
 */
source: string, 
/**
 * Ties the event to the request that caused it, in logs on both sides. At most 64 characters.
 */
correlationId: string, 
/**
 * The request id of the mutation, so that its author recognizes the echo.
 */
requestId?: RequestId, };

/**
 * A message to one connection, outside every log.
 */
export type Notice = Welcome | Unsubscribed | RoomStateInvalidated | Heads | TokenExpiring | Draining | Presence;

/**
 * A place in a room's log: 1 is the room's first event, 0 is before it. Never above 2⁵³ − 1, so
 * that every JSON reader holds it exactly.
 */
export type Offset = number;

/**
 * The event's offset in each of its rooms, the root first.
 */
export type Offsets = { [key in string]: number };

/**
 * What happened to an entity.
 */
export type Operation = "create" | "update" | "delete";

/**
 * How far a client has got in a room.
 */
export type Position = { epoch: Epoch, offset: Offset, };

/**
 * Who is there. `members` is the whole list, at the start; `joined` and `left` are differences.
 */
export type Presence = { room: Room, joined?: Array<UserId>, left?: Array<UserId>, members?: Array<UserId>, };

/**
 * The body of an HTTP error: RFC 9457, `application/problem+json`.
 */
export type ProblemDocument = { 
/**
 * Always `about:blank`: the code says what kind of problem it is.
 */
type: string, 
/**
 * The code in words.
 */
title: string, status: number, 
/**
 * A sentence for people.
 */
detail: string, code: Code, details?: Array<FieldError>, 
/**
 * When trying again makes sense, in milliseconds.
 */
retryAfterMs?: number, versions?: VersionConflict, };

/**
 * How a client should come back: full jitter over a delay that doubles from `minMs` to `maxMs`.
 */
export type ReconnectPolicy = { minMs: number, maxMs: number, jitter: boolean, 
/**
 * After so many attempts a client shows the failure and tries only slowly.
 */
maxAttempts: number, };

/**
 * The payload of `refresh_token`.
 */
export type RefreshToken = { token: string, };

/**
 * What makes a repeated request harmless: 1 to 64 printable ASCII characters, unique per user for 24 hours.
 */
export type RequestId = string;

/**
 * What a member may do in a campaign, weakest first: each role may do what the ones before it may.
 */
export type Role = "VIEWER" | "PLAYER" | "GM" | "OWNER";

/**
 * A room: `campaign:{id}`, `settlement:{id}`, `structure:{id}`, `session:{id}` or `user:{id}`.
 */
export type Room = string;

/**
 * The payload of `unsubscribe`, `presence_subscribe` and `presence_unsubscribe`.
 */
export type RoomRequest = { room: Room, };

/**
 * Continuity of a joined room cannot be proved: read its state again.
 */
export type RoomStateInvalidated = { room: Room, reason: StaleReason, };

/**
 * A settlement of a campaign.
 *
 * A UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that
 * they sort by creation.
 */
export type SettlementId = string;

/**
 * A settlement was created, changed or deleted.
 */
export type SettlementUpdated = { settlementId: SettlementId, campaignId: CampaignId, operation: Operation, 
/**
 * The settlement's own version after the change.
 */
version: number, changedFields: Array<string>, 
/**
 * The settlement after the change; absent for a deletion.
 */
settlementData?: Record<string, unknown>, };

/**
 * Why continuity cannot be proved.
 */
export type StaleReason = "history_trimmed" | "epoch_changed" | "unverified";

/**
 * Values that the server derives are out of date: read them again.
 */
export type StateInvalidated = { campaignId: CampaignId, scope: InvalidationScope, 
/**
 * Which entities, when the scope is `entity`.
 */
entities?: Array<EntityRef>, 
/**
 * The ids of `entities` alone, for clients that look entities up by id.
 */
entityIds?: Array<string>, 
/**
 * Which fields; absent means all derived ones.
 */
fields?: Array<string>, 
/**
 * A sentence for people.
 */
reason?: string, };

/**
 * A structure of a settlement.
 *
 * A UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that
 * they sort by creation.
 */
export type StructureId = string;

/**
 * A structure was created, changed, finished or deleted.
 */
export type StructureUpdated = { structureId: StructureId, settlementId: SettlementId, campaignId: CampaignId, operation: Operation, 
/**
 * The structure's own version after the change.
 */
version: number, changedFields: Array<string>, 
/**
 * The structure after the change; absent for a deletion.
 */
structureData?: Record<string, unknown>, };

/**
 * The payload of `subscribe_many`.
 */
export type SubscribeMany = { rooms: Array<SubscribeRoom>, };

/**
 * One room to join, with the position to continue from.
 */
export type SubscribeRoom = { room: Room, position?: Position, };

/**
 * The answer to a join: from here on the connection has every event of the room after `offset`.
 */
export type Subscribed = { success: boolean, room: Room, epoch: Epoch, offset: Offset, 
/**
 * Whether `events` is everything between the position and `offset`. Never true over a hole.
 */
recovered: boolean, events: Array<Envelope>, };

/**
 * An amount of world time.
 */
export type TimeSpan = { 
/**
 * How many of the unit; at least 1.
 */
value: number, unit: TimeUnit, };

/**
 * A unit of world time: fixed lengths, a day is 24 hours.
 */
export type TimeUnit = "MINUTES" | "HOURS" | "DAYS" | "WEEKS";

/**
 * An instant in milliseconds since 1970-01-01T00:00:00Z, between the years −9999 and 9999.
 * Real time and world time alike.
 */
export type Timestamp = string;

/**
 * The token ends soon: send `refresh_token`.
 */
export type TokenExpiring = { expiresAt: Timestamp, };

/**
 * Why the server took a connection out of a room.
 */
export type UnsubscribeCode = "membership_revoked" | "deleted";

/**
 * The server took the connection out of a room.
 */
export type Unsubscribed = { room: Room, code: UnsubscribeCode, };

/**
 * A user, as the token's `sub` names them: 1 to 128 printable ASCII characters without spaces.
 */
export type UserId = string;

/**
 * The version the caller expected and the one the entity has.
 */
export type VersionConflict = { expected: number, actual: number, };

/**
 * The first event after CONNECT.
 */
export type Welcome = { protocol: number, connectionId: ConnectionId, userId: UserId, epoch: Epoch, serverTime: Timestamp, tokenExpiresAt: Timestamp, reconnect: ReconnectPolicy, };

/**
 * The campaign's clock moved. It only moves forward.
 */
export type WorldTimeChanged = { campaignId: CampaignId, 
/**
 * World time before, an instant of the world's own calendar written like any other instant.
 */
previousTime: Timestamp, newTime: Timestamp, 
/**
 * The campaign's own version after the change.
 */
version: number, 
/**
 * By how much, when the clock was advanced rather than set.
 */
elapsed?: TimeSpan, };

/** The payload of every event, by the event's name. */
export type EventPayloads = {
  entity_updated: EntityUpdated,
  settlement_updated: SettlementUpdated,
  structure_updated: StructureUpdated,
  world_time_changed: WorldTimeChanged,
  state_invalidated: StateInvalidated,
  membership_changed: MembershipChanged,
};

/** What the server says to one connection, by the notice's name. */
export type NoticePayloads = {
  welcome: Welcome,
  unsubscribed: Unsubscribed,
  room_state_invalidated: RoomStateInvalidated,
  heads: Heads,
  token_expiring: TokenExpiring,
  draining: Draining,
  presence: Presence,
};

/** Every event's name. */
export const EVENT_TYPES = [
  "entity_updated",
  "settlement_updated",
  "structure_updated",
  "world_time_changed",
  "state_invalidated",
  "membership_changed",
] as const satisfies readonly EventType[];

/** Every notice's name. */
export const NOTICE_NAMES = [
  "welcome",
  "unsubscribed",
  "room_state_invalidated",
  "heads",
  "token_expiring",
  "draining",
  "presence",
] as const satisfies readonly (keyof NoticePayloads)[];

/** The version of the wire contract. */
export const PROTOCOL_VERSION = 1;
