import type { OperationVariables, TypedDocumentNode } from "@apollo/client";
import { useApolloClient, useQuery } from "@apollo/client/react";
import { useConnection } from "@fanfare/client/react";
import { useCallback, useEffect, useRef } from "react";
import { codeOf } from "./errors.js";

/** What a page reads, and how that went. */
export interface PageQuery<Data> {
  readonly data: Data | undefined;
  readonly error: unknown;
  /** Reads it again from the server. */
  readonly reread: () => Promise<Data | undefined>;
  /** The same for a button: how it went shows in `error`. */
  readonly retry: () => void;
}

/**
 * What a page shows. What could not be read because the server was away is read again when the connection is
 * back; what was read before stays until then.
 */
export function usePageQuery<Data, Variables extends OperationVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  fetchPolicy: "cache-first" | "cache-and-network" = "cache-first",
): PageQuery<Data> {
  const apollo = useApolloClient();
  const options = { variables, fetchPolicy };
  const { data, previousData, error, refetch } = useQuery<Data, OperationVariables>(document, options);
  const isUp = useConnection((connection) => connection.status === "connected");
  const wasUp = useRef(isUp);
  const couldNotAsk = error !== undefined && codeOf(error) === null;
  const retry = useCallback(() => void refetch().catch(() => {}), [refetch]);
  useEffect(() => {
    const isBack = isUp && !wasUp.current;
    wasUp.current = isUp;
    if (isBack && couldNotAsk) {
      retry();
    }
  }, [isUp, couldNotAsk, retry]);
  return {
    data: (data ?? (error ? undefined : previousData)) as Data | undefined,
    error,
    retry,
    // A reading of its own: that of the page may be overtaken by the next one, and would then have no answer.
    reread: async () => {
      const context = { queryDeduplication: false };
      const { data } = await apollo.query<Data>({
        query: document,
        variables,
        fetchPolicy: "network-only",
        context,
      });
      return data;
    },
  };
}
