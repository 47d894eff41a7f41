import { type ApolloCache, type ApolloClient, ApolloLink, type Cache, Observable } from "@apollo/client";
import type { Change } from "../sync/changes.js";
import { Doubts } from "../sync/doubts.js";
import type { Journal } from "../sync/journal.js";
import type { Policies } from "../sync/policies.js";
import { type Selected, selectionsOf } from "./selections.js";
import { fieldOf, peek, type Stored } from "./store.js";

/** In an answer's extensions: when its request was sent. A symbol, so that it never leaves this page. */
const SENT: unique symbol = Symbol("fanfare: sent");

/** What becomes of an answer that may be older than what the cache holds. */
export interface LateContext {
  readonly journal: Journal;
  readonly policies: Policies;
  /** Entities whose version in the cache proves nothing, until an answer has them. */
  readonly unproven: Set<string>;
  /** Makes the changes that the answer may not know again. */
  readonly again: (changes: readonly Change[] | null, answer: LateAnswer) => void;
}

/** What there is to know about an answer that was written. */
export interface LateAnswer {
  /** Entities that it has without a version. */
  readonly unversioned: ReadonlySet<string>;
  /** What the cache has from it and from nowhere else, although it is older than the rest of the entity. */
  readonly older: Doubts;
}

/**
 * Keeps answers that come late from overwriting what is newer: a link notes when each request was sent, and what the
 * cache writes of its answer is corrected in the same transaction, before anybody sees it. See ADR 0013.
 */
export function guardAgainstLateAnswers(apollo: ApolloClient, context: LateContext): () => void {
  const { cache } = apollo;
  const before = apollo.link;
  const link = noting(context.journal).concat(before);
  apollo.setLink(link);
  const write = cache.write;
  const guarded: typeof write = (options) => {
    const sent = (options.extensions as { [SENT]?: number } | undefined)?.[SENT];
    return sent === undefined
      ? write.call(cache, options)
      : cache.batch({
          update: () => writeCorrected(cache, context, sent, options, () => write.call(cache, options)),
        });
  };
  cache.write = guarded;
  return () => {
    if (cache.write === guarded) {
      cache.write = write;
    }
    if (apollo.link === link) {
      apollo.setLink(before);
    }
  };
}

function noting(journal: Journal): ApolloLink {
  return new ApolloLink((operation, forward) => {
    if (operation.operationType === "subscription") {
      return forward(operation);
    }
    return new Observable((observer) => {
      const ticket = journal.begin();
      const request = forward(operation).subscribe({
        next: (result) =>
          observer.next({
            ...result,
            extensions: { ...result.extensions, [SENT]: ticket.start },
          } as typeof result),
        error: (error) => observer.error(error),
        complete: () => observer.complete(),
      });
      return () => {
        request.unsubscribe();
        journal.end(ticket);
      };
    });
  });
}

function writeCorrected<T>(
  cache: ApolloCache,
  { journal, policies, unproven, again }: LateContext,
  sent: number,
  { query, variables, result }: Cache.WriteOptions,
  write: () => T,
): T {
  const selected = selectionsOf(cache, policies, { query, variables, result });
  const newer = newerThan(cache, policies, unproven, selected);
  const older = olderThan(newer, policies, selected);
  const written = write();
  for (const [id, { value }] of selected) {
    if (value["version"] !== undefined) {
      unproven.delete(id);
    }
  }
  for (const [id, stored] of newer) {
    cache.modify({
      id,
      broadcast: false,
      fields: ((value: unknown, { storeFieldName }: { storeFieldName: string }) =>
        storeFieldName in stored ? stored[storeFieldName] : value) as never,
    });
  }
  const changes = journal.since(sent);
  if (changes === null || changes.length > 0 || !older.isEmpty) {
    const unversioned = [...selected.values()].filter(({ value }) => value["version"] === undefined);
    again(changes, { unversioned: new Set(unversioned.map(({ id }) => id)), older });
  }
  return written;
}

/** What the cache holds of those entities that the answer has in an older version, as far as the version is about it. */
function newerThan(
  cache: ApolloCache,
  policies: Policies,
  unproven: ReadonlySet<string>,
  selected: ReadonlyMap<string, Selected>,
): Map<string, Stored> {
  const newer = new Map<string, Stored>();
  for (const [id, { value }] of selected) {
    const isComparable = typeof value["version"] === "number" && !unproven.has(id);
    const stored = isComparable ? peek(cache, id) : null;
    if (stored && typeof stored["version"] === "number" && stored["version"] > (value["version"] as number)) {
      const versioned = Object.entries(stored).filter(([name]) => isVersioned(policies, value, name));
      newer.set(id, Object.fromEntries(versioned));
    }
  }
  return newer;
}

/** What the answer brings of these entities that the cache did not have: it is of the answer's version, not of theirs. */
function olderThan(
  newer: ReadonlyMap<string, Stored>,
  policies: Policies,
  selected: ReadonlyMap<string, Selected>,
): Doubts {
  const older = new Doubts();
  for (const [id, stored] of newer) {
    const { value = {}, fields } = selected.get(id) ?? {};
    older.add(
      id,
      [...(fields?.keys() ?? [])].filter((name) => !(name in stored) && isVersioned(policies, value, name)),
    );
  }
  return older;
}

/** Whether an entity's version is about a field: not about what is computed, nor about who is in its lists. */
function isVersioned(policies: Policies, { __typename }: Stored, name: string): boolean {
  const field = fieldOf(name);
  const computed = policies.ofType(__typename)?.computed ?? [];
  return !computed.includes(field) && !policies.ofList(String(__typename), field);
}
