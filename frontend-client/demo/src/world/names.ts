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

const MEMBER = gql`
  fragment NameOfMember on Member {
    name
  }
`;

/** How long a name is remembered, in milliseconds: reading it from the cache is dear when a storm of events asks for it. */
const MEMORY_MS = 100;

/** Tells the names of a campaign's members, and of the entities that the cache holds. */
export function namesIn(cache: ApolloCache, campaignId: string): Names {
  const remembered = new Map<string, string | undefined>();
  const read = (id: string): string | undefined => {
    const member = cache.identify({ __typename: "Member", campaignId, userId: id });
    const known = member && cache.readFragment<{ name: string | null }>({ id: member, fragment: MEMBER });
    if (known) {
      return known.name ?? undefined;
    }
    for (const { type, fragment } of FRAGMENTS) {
      const found = cache.readFragment<{ name: string }>({ id: `${type}:${id}`, fragment });
      if (found) {
        return found.name;
      }
    }
    return undefined;
  };
  return (id) => {
    if (remembered.size === 0) {
      setTimeout(() => remembered.clear(), MEMORY_MS);
    }
    if (!remembered.has(id)) {
      remembered.set(id, read(id));
    }
    return remembered.get(id);
  };
}
