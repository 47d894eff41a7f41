import { type ApolloClient, type Cache, InMemoryCache, ObservableQuery } from "@apollo/client";
import type { Fanfare } from "../fanfare.js";
import type { Change } from "../sync/changes.js";
import { Doubts } from "../sync/doubts.js";
import { Following } from "../sync/following.js";
import { type EntityPolicy, Policies, worldPolicies } from "../sync/policies.js";
import { guardAgainstLateAnswers, type LateAnswer } from "./late.js";
import { Rereads } from "./rereads.js";
import { sortedByScreen } from "./screen.js";
import { dropField } from "./store.js";
import { Writer } from "./writer.js";

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
  readonly sync: ApolloBinding["sync"];
  readonly #apollo: ApolloClient;
  readonly #policies: Policies;
  readonly #writer: Writer;
  readonly #rereads: Rereads;
  readonly #following: Following;
  readonly #unguard: () => void;
  /** What each query lacked when it was read again the last time. */
  readonly #missing = new WeakMap<ObservableQuery, string>();

  constructor(fanfare: Fanfare, apollo: ApolloClient, policies: Policies) {
    this.#apollo = apollo;
    this.#policies = policies;
    this.#writer = new Writer(apollo.cache, policies);
    this.#rereads = new Rereads(apollo, {
      policies,
      settle: (rest) => this.#settle(rest, true),
      drop: (doubts) => this.#drop(doubts, true),
    });
    identifyByKeys(apollo, policies);
    this.#following = new Following(fanfare, {
      policies,
      make: (changes) => this.#makeAll(changes),
      retry: () => this.#rereads.retry(),
    });
    this.#unguard = guardAgainstLateAnswers(apollo, {
      journal: this.#following.journal,
      policies,
      unproven: this.#writer.unproven,
      again: (changes, answer) => this.#again(changes, answer),
    });
    this.sync = this.#following.sync;
  }

  readonly unbind = (): void => {
    this.#unguard();
    this.#following.end();
    this.#rereads.end();
    if (bindings.get(this.#apollo) === this) {
      bindings.delete(this.#apollo);
    }
  };

  /** Makes changes, in one batch; then what has to be read is read. Fulfilled when it has been. */
  #makeAll(changes: readonly Change[]): Promise<unknown> {
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
  #settle(doubts: Doubts, isRest = false): Promise<unknown> {
    if (doubts.isEmpty) {
      return Promise.resolve();
    }
    const { shown, unseen } = sortedByScreen(this.#apollo, this.#policies, doubts);
    this.#drop(unseen, false);
    return Promise.all([...shown].map(([query, outdated]) => this.#rereads.want(query, outdated, isRest)));
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
  #again(changes: readonly Change[] | null, { unversioned, older }: LateAnswer): void {
    const doubts = new Doubts();
    doubts.addAll(older);
    const later: Change[] = [];
    for (const change of changes ?? this.#following.everything()) {
      if (change.do === "doubt") {
        // What is shown can be found out only when the answer is: in the next frame.
        later.push(change);
      } else {
        this.#writer.make(change, doubts, { unversioned });
      }
    }
    if (!doubts.isEmpty) {
      later.push({ do: "doubt", of: doubts, fields: "all" });
    }
    this.#following.postpone(later);
  }

  #make(changes: readonly Change[], doubts: Doubts): void {
    for (const change of changes) {
      this.#writer.make(change, doubts);
    }
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
