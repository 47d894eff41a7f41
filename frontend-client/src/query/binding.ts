import {
  notifyManager,
  type Query,
  type QueryCacheNotifyEvent,
  type QueryClient,
} from "@tanstack/react-query";
import type { Fanfare } from "../fanfare.js";
import type { Change } from "../sync/changes.js";
import { Following } from "../sync/following.js";
import type { Ticket } from "../sync/journal.js";
import { Edits } from "./edits.js";
import { inserted, READ_AGAIN } from "./lists.js";
import { type QueryPolicies, type QueryPolicy, queryPolicies, worldQueries } from "./policies.js";
import { Rereads } from "./rereads.js";

/** A query client whose data follows a client's events. */
export interface QueryBinding {
  /** Ends it: the data follows no more. */
  readonly unbind: () => void;
  /**
   * Joins a room as long as queries hold its data, until the returned function is called: `useQuerySync` without React.
   * What was read before the room was joined is read again.
   */
  readonly sync: (room: string) => () => void;
}

const bindings = new WeakMap<QueryClient, QueryBinding>();

/** The binding of a query client, if there is one. */
export function bindingOf(client: QueryClient): QueryBinding | undefined {
  return bindings.get(client);
}

/**
 * Keeps the data of a TanStack query client in agreement with the rooms that the client has joined. Call it once, beside
 * the making of both clients; components join rooms with `useQuerySync`. A client that is bound already is bound anew.
 *
 * @param policies for kinds of one's own; one for a kind of the world replaces the default.
 * @throws FanfareError `invalid_option` when a policy lacks something.
 */
export function bindQueryClient(
  fanfare: Fanfare,
  client: QueryClient,
  policies: readonly QueryPolicy[] = [],
): QueryBinding {
  const checked = queryPolicies([...worldQueries, ...policies]);
  bindings.get(client)?.unbind();
  const binding = new Binding(fanfare, client, checked);
  bindings.set(client, binding);
  return binding;
}

class Binding implements QueryBinding {
  readonly sync: QueryBinding["sync"];
  readonly #client: QueryClient;
  readonly #policies: QueryPolicies;
  readonly #rereads: Rereads;
  readonly #following: Following;
  readonly #unwatch: () => void;
  readonly #tickets = new Map<Query, Ticket>();

  constructor(fanfare: Fanfare, client: QueryClient, policies: QueryPolicies) {
    this.#client = client;
    this.#policies = policies;
    this.#rereads = new Rereads(client);
    this.#following = new Following(fanfare, {
      policies: policies.policies,
      make: (changes) => this.#makeAll(changes),
      retry: () => this.#rereads.retry(),
    });
    this.#unwatch = client.getQueryCache().subscribe((event) => this.#watch(event));
    this.sync = this.#following.sync;
  }

  readonly unbind = (): void => {
    this.#unwatch();
    this.#following.end();
    this.#rereads.end();
    if (bindings.get(this.#client) === this) {
      bindings.delete(this.#client);
    }
  };

  /** Makes changes; then what has to be read is read. */
  #makeAll(changes: readonly Change[]): Promise<unknown> {
    const edits = new Edits(changes, this.#policies);
    const outdated = new Set<Query>();
    notifyManager.batch(() => {
      const queries = this.#client.getQueryCache().getAll();
      // First, so that what happened to a new entity since its creation reaches it in its list.
      for (const query of this.#insert(changes, queries)) {
        outdated.add(query);
      }
      for (const query of queries) {
        if (this.#edit(query, edits)) {
          outdated.add(query);
        }
      }
    });
    return Promise.all([...outdated].map((query) => this.#outdate(query)));
  }

  /** Makes the changes in a query's data; gives whether it has to be read again. */
  #edit(query: Query, edits: Edits): boolean {
    if (query.state.data === undefined) {
      return false;
    }
    const edited = edits.make(query);
    if (edited.isPerhapsLost) {
      this.#end(query);
      query.reset();
      return true;
    }
    this.#set(query, edited.data);
    return edited.isOutdated;
  }

  /** Puts new entities into their lists; gives the lists that have to be read again. */
  #insert(changes: readonly Change[], queries: readonly Query[]): Query[] {
    const outdated: Query[] = [];
    for (const change of changes) {
      if (change.do !== "put" || !change.isNew) {
        continue;
      }
      const id = change.values[change.policy.key.at(-1) ?? "id"];
      // It was asked for before it was there.
      outdated.push(...queries.filter(({ state, queryKey }) => state.data === null && queryKey.includes(id)));
      for (const key of this.#policies.listsOf(change.policy.typeName, change.values)) {
        const exact = this.#client.getQueryCache().find({ queryKey: key, exact: true });
        for (const query of this.#client.getQueryCache().findAll({ queryKey: key })) {
          if (query.state.data === undefined || !queries.includes(query)) {
            continue;
          }
          const next = query === exact ? inserted(query.state.data, change) : READ_AGAIN;
          if (next === READ_AGAIN) {
            outdated.push(query);
          } else {
            this.#set(query, next);
          }
        }
      }
    }
    return outdated;
  }

  #set(query: Query, data: unknown): void {
    const { isInvalidated, dataUpdatedAt } = query.state;
    if (data !== query.state.data) {
      this.#client.setQueryData(query.queryKey, data, { updatedAt: dataUpdatedAt });
      if (isInvalidated) {
        // What was out of date is so still.
        query.invalidate();
      }
    }
  }

  /** The data is out of date: read again now where it is shown, and otherwise when somebody wants to see it. */
  #outdate(query: Query): Promise<void> {
    query.invalidate();
    return query.isActive() ? this.#rereads.want(query) : Promise.resolve();
  }

  /** Notes when requests begin, and corrects answers that do not know what happened since. */
  #watch(event: QueryCacheNotifyEvent): void {
    const { query } = event;
    if (event.type === "removed") {
      this.#end(query);
    }
    if (event.type !== "updated") {
      return;
    }
    const { action } = event;
    if (action.type === "fetch") {
      this.#end(query);
      this.#tickets.set(query, this.#following.journal.begin());
    } else if (action.type === "error") {
      this.#end(query);
    } else if (action.type === "success" && !action.manual) {
      const ticket = this.#tickets.get(query);
      const changes = ticket ? this.#following.journal.since(ticket.start) : [];
      this.#end(query);
      this.#correct(query, changes ?? this.#following.everything());
    }
  }

  #correct(query: Query, changes: readonly Change[]): void {
    if (changes.length > 0) {
      const isIncomplete = this.#insert(changes, [query]).length > 0;
      const isOutdated = this.#edit(query, new Edits(changes, this.#policies));
      if (isIncomplete || isOutdated) {
        this.#outdate(query).catch(() => {});
      }
    }
  }

  #end(query: Query): void {
    const ticket = this.#tickets.get(query);
    if (ticket) {
      this.#tickets.delete(query);
      this.#following.journal.end(ticket);
    }
  }
}
