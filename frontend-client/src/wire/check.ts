import { FanfareError } from "../errors.js";
import {
  type Code,
  type Envelope,
  type Heads,
  PROTOCOL_VERSION,
  type ReconnectPolicy,
} from "../generated/protocol.js";

// What a server sends is input. These checks hold in every build and cover what the core itself relies
// on; development builds check the rest of the shape with the generated schemas (see `schemas.ts`).

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isOffsets = (value: unknown): value is Record<string, number> =>
  isObject(value) && Object.values(value).every(isOffset);

/** Whether the argument of a message could be an envelope, of whatever type. */
export function looksLikeEnvelope(value: unknown): boolean {
  return isObject(value) && "offsets" in value && "id" in value;
}

/** The value as an envelope, or null when the core could not work with it. */
export function asEnvelope(value: unknown): Envelope | null {
  const sound =
    isObject(value) &&
    typeof value["v"] === "number" &&
    value["v"] <= PROTOCOL_VERSION &&
    isText(value["id"]) &&
    isText(value["type"]) &&
    isText(value["epoch"]) &&
    isOffsets(value["offsets"]) &&
    isObject(value["payload"]) &&
    isObject(value["metadata"]);
  return sound ? (value as unknown as Envelope) : null;
}

/** The answer to a join. */
export interface JoinAnswer {
  readonly epoch: string;
  readonly offset: number;
  readonly recovered: boolean;
  /** Unchecked. */
  readonly events: readonly unknown[];
}

/** The value as the answer to a join of `room`, or null. */
export function asJoinAnswer(value: unknown, room: string): JoinAnswer | null {
  const sound =
    isObject(value) &&
    value["room"] === room &&
    isText(value["epoch"]) &&
    isOffset(value["offset"]) &&
    typeof value["recovered"] === "boolean" &&
    Array.isArray(value["events"]);
  return sound ? (value as unknown as JoinAnswer) : null;
}

/** The value as `heads`, or null. */
export function asHeads(value: unknown): Heads | null {
  return isObject(value) && isText(value["epoch"]) && isOffsets(value["rooms"]) ? (value as Heads) : null;
}

/** The field `name` of a notice, when it is a text. */
export function textIn(value: unknown, name: string): string | null {
  return isObject(value) && isText(value[name]) ? value[name] : null;
}

/** The field `name` of a notice, when it is a list of texts. */
export function textsIn(value: unknown, name: string): string[] | null {
  const list = isObject(value) ? value[name] : null;
  return Array.isArray(list) && list.every(isText) ? list : null;
}

/** The field `name` of a notice, when it is a finite number that is not negative. */
export function numberIn(value: unknown, name: string): number | null {
  const number = isObject(value) ? value[name] : null;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : null;
}

/** The instant in the field `name`, in milliseconds since 1970. */
export function instantIn(value: unknown, name: string): number | null {
  const instant = Date.parse(textIn(value, name) ?? "");
  return Number.isNaN(instant) ? null : instant;
}

/** A reconnect policy that can be followed, or null. */
export function asPolicy(value: unknown): ReconnectPolicy | null {
  const sound = ["minMs", "maxMs", "maxAttempts"].every((name) => numberIn(value, name));
  return sound ? (value as ReconnectPolicy) : null;
}

/** The acknowledgement itself when it is a success; the refusal as an error when it is not. */
export function successOf(ack: unknown, room?: string): Fields {
  if (isObject(ack) && ack["success"] === true) {
    return ack;
  }
  const code = textIn(ack, "code");
  if (!isObject(ack) || code === null) {
    throw new FanfareError("bad_envelope", "The server's answer is no acknowledgement.", { room });
  }
  throw new FanfareError(code as Code, textIn(ack, "error") ?? `The server refused: ${code}.`, {
    room: room ?? textIn(ack, "room") ?? undefined,
    retryAfterMs: numberIn(ack, "retryAfterMs") ?? undefined,
    fields: Array.isArray(ack["details"]) ? ack["details"] : undefined,
  });
}
