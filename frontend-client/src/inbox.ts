import { FanfareError } from "./errors.js";
import type { EventOf } from "./events.js";
import type { Counters } from "./fanfare.js";
import { type Envelope, EVENT_TYPES, type EventType } from "./generated/protocol.js";
import { Recent } from "./recent.js";
import { demand } from "./settings.js";
import { Listeners } from "./store.js";
import { asEnvelope, looksLikeEnvelope } from "./wire/check.js";
import type { Inspect } from "./wire/inspect.js";

/** For how many events it is remembered that they were handed to the listeners for their type. */
const REMEMBERED = 4096;

/** What an {@link Inbox} needs of its surroundings. */
export interface InboxContext {
  readonly inspect: Inspect | null;
  readonly report: (error: unknown) => void;
  /** Takes an envelope, of a known type or not: one of an unknown type has its place in the log like any other. */
  readonly deliver: (event: Envelope) => void;
  /** Who takes which notice. */
  readonly notices: Readonly<Record<string, (argument: unknown) => void>>;
}

/** Sorts what the server says, counts what nobody can use, and keeps the listeners for whole event types. */
export class Inbox {
  readonly #context: InboxContext;
  readonly #listeners: Listeners<[Envelope]>;
  readonly #emitted = new Recent<true>(REMEMBERED);
  readonly #counters = { unknownEvents: 0, duplicates: 0, badMessages: 0, gaps: 0 };

  constructor(context: InboxContext) {
    this.#context = context;
    this.#listeners = new Listeners(context.report);
  }

  get counters(): Counters {
    return { ...this.#counters };
  }

  count(what: keyof Counters): void {
    this.#counters[what] += 1;
  }

  /** The server said something that cannot be read. */
  badMessage(what: string, room?: string): void {
    this.count("badMessages");
    const message = `The server sent ${what} that cannot be read.`;
    this.#context.report(new FanfareError("bad_envelope", message, { room }));
  }

  on<T extends EventType>(type: T, handler: (event: EventOf<T>) => void): () => void {
    demand(EVENT_TYPES.includes(type), `There is no event '${type}': use ${EVENT_TYPES.join(", ")}`);
    // The listeners for a type are told of no other.
    return this.#listeners.add(type, handler as (event: Envelope) => void);
  }

  /** Hands the event to the listeners for its type, once however many rooms it belongs to. */
  emit(event: Envelope): void {
    if (!this.#emitted.has(event.id)) {
      this.#emitted.set(event.id, true);
      this.#listeners.tell(event.type, event);
    }
  }

  /** The server said something. */
  take(name: string, argument: unknown): void {
    const { inspect, notices, deliver } = this.#context;
    inspect?.(name, argument);
    if (Object.hasOwn(notices, name)) {
      notices[name]?.(argument);
      return;
    }
    const isKnown = (EVENT_TYPES as readonly string[]).includes(name);
    if (!isKnown) {
      this.count("unknownEvents");
    }
    if (isKnown || looksLikeEnvelope(argument)) {
      const event = asEnvelope(argument);
      if (event && event.type === name) {
        deliver(event);
      } else {
        this.badMessage(`a '${name}'`);
      }
    }
  }
}
