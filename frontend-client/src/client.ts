import type { Line, LineEvents } from "./connection/line.js";
import type { Environment, Wake } from "./environment.js";
import { clientClosed } from "./errors.js";
import type { Fanfare } from "./fanfare.js";
import { Inbox } from "./inbox.js";
import { Outbox } from "./outbox.js";
import { Presence } from "./presence.js";
import { Rooms } from "./rooms/rooms.js";
import type { RemovalCode, StaleCause } from "./rooms/types.js";
import { checkRoom, type Settings } from "./settings.js";
import { Listeners } from "./store.js";
import { successOf } from "./wire/check.js";
import type { Inspect } from "./wire/inspect.js";

/** What a {@link Client} is made of. */
export interface ClientParts {
  readonly settings: Settings;
  readonly openLine: (events: LineEvents) => Line;
  readonly environment: Pick<Environment, "random" | "onWake" | "onLeave">;
  /** Looks at every message before it is used. */
  readonly inspect: Inspect | null;
  /** Never throws. */
  readonly report: (error: unknown) => void;
}

/**
 * The client: the line, the rooms, presence and commands put together. Its functions are fields, so that
 * they can be passed on by themselves.
 */
export class Client implements Fanfare {
  readonly connection: Fanfare["connection"];
  readonly #line: Line;
  readonly #inbox: Inbox;
  readonly #rooms: Rooms;
  readonly #presence: Presence;
  readonly #outbox: Outbox;
  /** Those who watch the freshness of a room, by its name. */
  readonly #watchers: Listeners<[]>;
  readonly #staleListeners: Listeners<[string, StaleCause]>;
  readonly #removalListeners: Listeners<[string, RemovalCode]>;
  readonly #detachments: (() => void)[];
  #isClosed = false;
  /** `disconnect` was called: subscribing alone does not connect again. */
  #isResting = false;
  /** The page is gone, perhaps to come back from the browser's cache of pages. */
  #isAway = false;

  constructor({ settings, environment, inspect, report, openLine }: ClientParts) {
    this.#watchers = new Listeners(report);
    this.#staleListeners = new Listeners(report);
    this.#removalListeners = new Listeners(report);
    this.#inbox = new Inbox({
      inspect,
      report,
      deliver: (event) => this.#rooms.deliver(event),
      notices: {
        heads: (argument) => this.#rooms.heads(argument),
        unsubscribed: (argument) => this.#rooms.unsubscribed(argument),
        room_state_invalidated: (argument) => this.#rooms.invalidated(argument),
        presence: (argument) => this.#presence.notice(argument),
      },
    });
    const line = openLine({
      opened: () => {
        this.#rooms.opened();
        this.#presence.opened();
        this.#outbox.opened();
      },
      message: (name, argument) => this.#inbox.take(name, argument),
      closed: () => {
        this.#rooms.closed();
        this.#outbox.closed();
      },
    });
    this.#line = line;
    this.connection = line.state;
    const status = () => line.state.getSnapshot().status;
    const ask = async (command: string, payload: unknown, timeoutMs?: number) =>
      successOf(await line.request(command, payload, timeoutMs));
    this.#rooms = new Rooms({
      request: (command, payload) => line.request(command, payload),
      report,
      status,
      random: environment.random,
      lingerMs: settings.lingerMs,
      changed: (room) => this.#watchers.tell(room),
      emit: (event) => this.#inbox.emit(event),
      count: (what) => this.#inbox.count(what),
      badMessage: (what, room) => this.#inbox.badMessage(what, room),
      declared: (room, reason) =>
        this.#staleListeners.tell("", room, reason).filter((result) => result instanceof Promise),
      removed: (room, code) => this.#removalListeners.tell("", room, code),
    });
    this.#presence = new Presence(ask, report);
    this.#outbox = new Outbox(ask, settings.queue);
    line.state.subscribe(() => {
      if (status() === "disconnected" || status() === "failed") {
        this.#presence.clear();
      }
      this.#watchers.tellAll();
    });
    this.#detachments = [
      environment.onWake((reason) => this.#wake(reason)),
      environment.onLeave(() => this.#leave()),
    ];
  }

  readonly connect: Fanfare["connect"] = () => {
    this.#assertUsable();
    this.#isResting = false;
    this.#line.start();
  };

  readonly disconnect: Fanfare["disconnect"] = () => {
    this.#isResting = true;
    this.#line.stop();
  };

  readonly retry: Fanfare["retry"] = () => this.#line.wake();

  readonly close: Fanfare["close"] = () => {
    this.#isClosed = true;
    for (const detach of this.#detachments) {
      detach();
    }
    this.#rooms.end();
    this.#presence.end();
    this.#outbox.end();
    this.#line.stop();
  };

  readonly subscribe: Fanfare["subscribe"] = (room, options = {}) => {
    checkRoom(room);
    this.#assertUsable();
    const subscription = this.#rooms.subscribe(room, options);
    this.#startUnlessResting();
    return subscription;
  };

  readonly on: Fanfare["on"] = (type, handler) => this.#inbox.on(type, handler);

  readonly onStale: Fanfare["onStale"] = (handler) => this.#staleListeners.add("", handler);

  readonly onRemoved: Fanfare["onRemoved"] = (handler) => this.#removalListeners.add("", handler);

  readonly freshness: Fanfare["freshness"] = (room) => {
    checkRoom(room);
    return {
      subscribe: (listener) => this.#watchers.add(room, listener),
      getSnapshot: () => this.#rooms.get(room)?.freshness ?? "stale",
    };
  };

  readonly presence: Fanfare["presence"] = (room) => {
    checkRoom(room);
    return this.#presence.of(room);
  };

  readonly markFresh: Fanfare["markFresh"] = (room) => this.#rooms.get(room)?.markFresh();

  readonly send: Fanfare["send"] = async (command, payload = {}, options = {}) => {
    this.#assertUsable();
    this.#startUnlessResting();
    return this.#outbox.send(command, payload, options);
  };

  readonly counters: Fanfare["counters"] = () => this.#inbox.counters;

  #wake(reason: Wake): void {
    if (reason === "restored" && this.#isAway) {
      this.#isAway = false;
      this.#line.start();
    } else {
      this.#line.wake();
    }
  }

  /** Lets go at once, so that another tab takes over and the browser may keep the page in its cache. */
  #leave(): void {
    this.#isAway = this.connection.getSnapshot().status !== "disconnected";
    this.#line.stop();
  }

  #startUnlessResting(): void {
    if (!this.#isResting) {
      this.#line.start();
    }
  }

  #assertUsable(): void {
    if (this.#isClosed) {
      throw clientClosed();
    }
  }
}
