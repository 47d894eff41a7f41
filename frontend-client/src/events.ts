import { type Envelope, EVENT_TYPES, type EventPayloads, type EventType } from "./generated/protocol.js";

/** The envelope of events of one type. */
export type EventOf<T extends EventType> = Extract<Envelope, { type: T }>;

/** The payload of events of one type. */
export type PayloadOf<T extends EventType> = EventPayloads[T];

/** `settlement_updated` → `SettlementUpdated`. */
type PascalCase<T extends string> = T extends `${infer Head}_${infer Tail}`
  ? `${Capitalize<Head>}${PascalCase<Tail>}`
  : Capitalize<T>;

/** The name of the handler for events of one type: `settlement_updated` → `onSettlementUpdated`. */
export type HandlerName<T extends EventType> = `on${PascalCase<T>}`;

/** One optional handler for each event type: `onSettlementUpdated`, `onWorldTimeChanged`, … */
export type EventHandlers = {
  [T in EventType as HandlerName<T>]?: ((event: EventOf<T>) => void) | undefined;
};

const HANDLER_NAMES = new Map<string, keyof EventHandlers>(
  EVENT_TYPES.map((type) => [
    type,
    `on${type.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase())}` as HandlerName<EventType>,
  ]),
);

/** The name of the handler for events of a type; undefined for a type that this version does not know. */
export function handlerName(type: string): keyof EventHandlers | undefined {
  return HANDLER_NAMES.get(type);
}
