import type { ApolloClient, ObservableQuery } from "@apollo/client";
import { Doubts } from "../sync/doubts.js";
import type { Policies } from "../sync/policies.js";
import { selectionsOf } from "./selections.js";

/** What is out of date, sorted by whether somebody looks at it. */
export interface Sorted {
  /** The active queries that show some of it, each with that. */
  readonly shown: ReadonlyMap<ObservableQuery, Doubts>;
  /** What no active query shows. */
  readonly unseen: Doubts;
}

/** Finds out which of the active queries show fields that are out of date. */
export function sortedByScreen(apollo: ApolloClient, policies: Policies, doubts: Doubts): Sorted {
  const { cache } = apollo;
  const shown = new Map<ObservableQuery, Doubts>();
  const seen = new Doubts();
  for (const query of apollo.getObservableQueries("active")) {
    const { fetchPolicy } = query.options;
    if (fetchPolicy === "no-cache") {
      // It shows what the server answered, not what the cache holds.
      continue;
    }
    const { result } = cache.diff<unknown>({
      query: query.query,
      variables: query.variables,
      optimistic: true,
      returnPartialData: true,
    });
    const selected = selectionsOf(cache, policies, {
      query: query.query,
      variables: query.variables,
      result,
    });
    const outdated = new Doubts();
    for (const [id, { fields }] of selected) {
      const names = [...(doubts.of(id) ?? [])].filter((name) => fields.has(name));
      outdated.add(id, names);
      seen.add(id, names);
    }
    if (!outdated.isEmpty && fetchPolicy !== "cache-only") {
      shown.set(query, outdated);
    }
  }
  const unseen = new Doubts();
  for (const [id, fields] of doubts) {
    unseen.add(
      id,
      [...fields].filter((name) => !seen.of(id)?.has(name)),
    );
  }
  return { shown, unseen };
}
