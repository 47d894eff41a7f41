import { type ApolloClient, type Cache, InMemoryCache, ObservableQuery } from "@apollo/client";
import type { Fanfare } from "../fanfare.js";
import { type Envelope, EVENT_TYPES, type Position } from "../generated/protocol.js";
import { type Change, changesOf, roomName } from "../sync/changes.js";
import { Doubts } from "../sync/doubts.js";
import { Frames } from "../sync/frames.js";
import { Journal } from "../sync/journal.js";
import { type EntityPolicy, Policies, worldPolicies } from "../sync/policies.js";
import { guardAgainstLateAnswers } from "./late.js";
import { Rereads } from "./rereads.js";
import { sortedByScreen } from "./screen.js";
import { dropField } from "./store.js";
import { Writer } from "./writer.js";

/** A page without frames, a hidden one for example, does not let more changes than this wait. */
const WAITING_LIMIT = 5000;

/** A cache that follows a client's events. */
export interface ApolloBinding {
  /** Ends it: the cache follows no more, and the Apollo client is as it was. */
  readonly unbind: () => void;
  /**
   * Joins a room as long as the cache holds its data, until the returned function is called: `useCacheSync` without
   * React. What was read before the room was joined is read again.
   */
  readonly sync: (room: string) => () => void;
}

/** The bindings of Apollo clients, for hooks. */
const bindings = new WeakMap<ApolloClient, ApolloBinding>();

/** The binding of an Apollo client, if there is one. */
export function bindingOf(apollo: ApolloClient): ApolloBinding | undefined {
  return bindings.get(apollo);
}

/**
 * Keeps an Apollo cache in agreement with the rooms that the client has joined. Call it once, beside the making of both
 * clients; components join rooms with `useCacheSync`. A client that is bound already is bound anew.
 *
 * @param policies for types of one's own; one for a type of the world replaces the default.
 * @throws FanfareError `invalid_option` when a policy lacks something.
 */
export function bindApolloCache(
  fanfare: Fanfare,
  apollo: ApolloClient,
  policies: readonly EntityPolicy[] = [],
): ApolloBinding {
  const checked = new Policies([...worldPolicies, ...policies]);
  bindings.get(apollo)?.unbind();
  const binding = new Binding(fanfare, apollo, checked);
  bindings.set(apollo, binding);
  return binding;
}

class Binding implements ApolloBinding {
  readonly #fanfare: Fanfare;
  readonly #apollo: ApolloClient;
  readonly #policies: Policies;
  readonly #writer: Writer;
  readonly #rereads: Rereads;
  readonly #journal = new Journal();
  readonly #frames = new Frames(() => void this.#flush());
  readonly #detachments: (() => void)[];
  /** Where the rooms stood that were followed; null for those that were never joined. */
  readonly #positions = new Map<string, Position | null>();
  #waiting: Change[] = [];
  /** What each query lacked when it was read again the last time. */
  readonly #missing = new WeakMap<ObservableQuery, string>();

  constructor(fanfare: Fanfare, apollo: ApolloClient, policies: Policies) {
    this.#fanfare = fanfare;
    this.#apollo = apollo;
    this.#policies = policies;
    this.#writer = new Writer(apollo.cache, policies);
    this.#rereads = new Rereads(apollo, (doubts) => this.#drop(doubts, true));
    identifyByKeys(apollo, policies);
    this.#detachments = [
      guardAgainstLateAnswers(apollo, {
        journal: this.#journal,
        policies,
        again: (changes, unversioned) => this.#again(changes, unversioned),
      }),
      ...EVENT_TYPES.map((type) => fanfare.on(type, (event) => this.#take(event))),
      fanfare.onStale((room) => this.#readAgain(room)),
      fanfare.onRemoved((room) => {
        this.#positions.delete(room);
        this.#enqueue([{ do: "forget", room: roomName(room) }]);
      }),
      fanfare.connection.subscribe(() => {
        if (fanfare.connection.getSnapshot().status === "connected") {
          this.#rereads.retry();
        }
      }),
    ];
  }

  readonly unbind = (): void => {
    for (const detach of this.#detachments.splice(0)) {
      detach();
    }
    this.#frames.cancel();
    this.#rereads.end();
    if (bindings.get(this.#apollo) === this) {
      bindings.delete(this.#apollo);
    }
  };

  readonly sync = (room: string): (() => void) => {
    const position = this.#positions.get(room);
    this.#positions.set(room, position ?? null);
    const use = this.#fanfare.subscribe(room, position ? { position } : {});
    if (!position) {
      // What the cache holds was read before the room was joined: it may lack what happened in between.
      use.ready.then(
        () => void this.#readAgain(room),
        () => {},
      );
    }
    return () => {
      this.#positions.set(room, use.position);
      use.unsubscribe();
    };
  };

  #take(event: Envelope): void {
    this.#enqueue(changesOf(event, this.#policies, this.#fanfare.connection.getSnapshot().userId));
  }

  /** Everything of a room is out of date. Fulfilled when all that is shown of it has been read again. */
  #readAgain(room: string): Promise<unknown> {
    this.#enqueue([{ do: "doubt", of: roomName(room), fields: "all" }]);
    // At once: what is asked for from now on is not out of date.
    this.#frames.cancel();
    return this.#flush();
  }

  #enqueue(changes: readonly Change[]): void {
    for (const change of changes) {
      this.#journal.add(change);
      this.#waiting.push(change);
    }
    if (this.#waiting.length > WAITING_LIMIT) {
      this.#frames.cancel();
      void this.#flush();
    } else if (this.#waiting.length > 0) {
      this.#frames.request();
    }
  }

  /** Makes all changes that wait, in one batch; then what has to be read is read. Fulfilled when it has been. */
  #flush(): Promise<unknown> {
    const changes = this.#waiting.splice(0);
    const doubts = new Doubts();
    const lacking = new Map<ObservableQuery, string>();
    if (changes.some((change) => change.do !== "doubt")) {
      this.#apollo.cache.batch({
        update: () => this.#make(changes, doubts),
        onWatchUpdated: (watch, diff) => this.#holdBack(watch, diff, lacking),
      });
    } else {
      this.#make(changes, doubts);
    }
    const readings = [this.#settle(doubts)];
    for (const [query, missing] of lacking) {
      if (this.#missing.get(query) !== missing) {
        this.#missing.set(query, missing);
        const reading = this.#rereads.want(query, new Doubts());
        readings.push(reading);
        void reading.then(() => this.#missing.delete(query));
      }
    }
    return Promise.all(readings);
  }

  /** Out-of-date fields that are shown are read again; the others are dropped, so that no later query gets them. */
  #settle(doubts: Doubts): Promise<unknown> {
    if (doubts.isEmpty) {
      return Promise.resolve();
    }
    const { shown, unseen } = sortedByScreen(this.#apollo, this.#policies, doubts);
    this.#drop(unseen, false);
    return Promise.all([...shown].map(([query, outdated]) => this.#rereads.want(query, outdated)));
  }

  #drop(doubts: Doubts, isSeen: boolean): void {
    const drop = () => {
      for (const [id, fields] of doubts) {
        for (const field of fields) {
          dropField(this.#apollo.cache, id, field);
        }
      }
    };
    if (isSeen) {
      this.#apollo.cache.batch({ update: drop });
    } else {
      drop();
    }
  }

  /**
   * A query that lacks something after a batch, such as the computed values of a new entity, keeps what it shows and is
   * read again here: Apollo would do so for every batch.
   */
  #holdBack(
    { watcher }: Cache.WatchOptions,
    diff: Cache.DiffResult<unknown>,
    lacking: Map<ObservableQuery, string>,
  ): boolean {
    if (
      diff.complete ||
      !(watcher instanceof ObservableQuery) ||
      watcher.options.fetchPolicy === "cache-only"
    ) {
      return true;
    }
    // The first answer is still on its way, and is corrected when it comes.
    if (watcher.getCurrentResult().dataState !== "empty") {
      lacking.set(watcher, JSON.stringify(diff.missing?.missing ?? null));
    }
    return false;
  }

  /** An answer was written that may not know these changes: they are made again, inside its transaction. */
  #again(changes: readonly Change[] | null, unversioned: ReadonlySet<string>): void {
    const doubts = new Doubts();
    for (const change of changes ?? this.#everything()) {
      if (change.do === "doubt") {
        // What is shown can be found out only when the answer is: in the next frame.
        this.#waiting.push(change);
      } else {
        this.#writer.make(change, doubts, { unversioned });
      }
    }
    if (!doubts.isEmpty) {
      this.#waiting.push({ do: "doubt", of: doubts, fields: "all" });
    }
    if (this.#waiting.length > 0) {
      this.#frames.request();
    }
  }

  #make(changes: readonly Change[], doubts: Doubts): void {
    for (const change of changes) {
      this.#writer.make(change, doubts);
    }
  }

  #everything(): Change[] {
    return [...this.#positions.keys()].map((room) => ({ do: "doubt", of: roomName(room), fields: "all" }));
  }
}

/** Types whose key is not `id` are kept by their key, unless the application has decided otherwise. */
function identifyByKeys({ cache }: ApolloClient, policies: Policies): void {
  if (!(cache instanceof InMemoryCache)) {
    return;
  }
  for (const { typeName, key } of policies.all()) {
    const example = Object.fromEntries(key.map((field) => [field, field]));
    if (cache.identify({ __typename: typeName, ...example }) === undefined) {
      const keyFields = (object: Readonly<Record<string, unknown>>) =>
        // A query that does not select the whole key is answered all the same, without being normalized.
        key.every((field) => object[field] !== undefined) &&
        `${typeName}:${JSON.stringify(Object.fromEntries(key.map((field) => [field, object[field]])))}`;
      cache.policies.addTypePolicies({ [typeName]: { keyFields } });
    }
  }
}
