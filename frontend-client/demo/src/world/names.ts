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

/** Tells the names of a campaign's members, and of the entities that the cache holds. */
export function namesIn(cache: ApolloCache, campaignId: string): Names {
  return (id) => {
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
}
