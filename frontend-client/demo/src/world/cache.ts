import { type FieldFunctionOptions, InMemoryCache, type Reference } from "@apollo/client";

const TYPES = ["Campaign", "Settlement", "Structure"] as const;

/** What has been read in a list need not be read again for a page of its own. What is gone stays gone. */
const BY_ID = Object.fromEntries(
  TYPES.map((__typename) => [
    __typename.toLowerCase(),
    {
      read: (known: Reference | null | undefined, { args, toReference }: FieldFunctionOptions) =>
        known === undefined ? toReference({ __typename, id: args?.["id"] }) : known,
    },
  ]),
);

/** The cache of one user. */
export const newCache = () => new InMemoryCache({ typePolicies: { Query: { fields: BY_ID } } });
