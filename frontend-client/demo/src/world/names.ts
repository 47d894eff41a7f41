import { type ApolloCache, gql } from "@apollo/client";
import type { Names } from "../live/summary.js";

const TYPES = ["Settlement", "Structure", "Campaign"] as const;
const FRAGMENTS = TYPES.map((type) => ({
  type,
  fragment: gql`
    fragment NameOf${type} on ${type} {
      name
    }
  `,
}));

/** Tells the names of the entities that the cache holds. */
export function namesIn(cache: ApolloCache): Names {
  return (id) => {
    for (const { type, fragment } of FRAGMENTS) {
      const found = cache.readFragment<{ name: string }>({ id: `${type}:${id}`, fragment });
      if (found) {
        return found.name;
      }
    }
    return undefined;
  };
}
