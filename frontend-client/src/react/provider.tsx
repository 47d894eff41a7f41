import { createContext, type ReactNode, useContext, useEffect } from "react";
import { FanfareError } from "../errors.js";
import type { Fanfare } from "../fanfare.js";
import { holdConnection } from "./hold.js";

const FanfareContext = createContext<Fanfare | null>(null);

export interface FanfareProviderProps {
  /** Made once with `createFanfare`, outside of components: it outlives every render. */
  readonly client: Fanfare;
  /**
   * Whether the connection ends when the last provider of the client unmounts. Default true. Rooms and
   * positions are kept, so that a later mount continues where this one ended.
   */
  readonly disconnectOnUnmount?: boolean | undefined;
  readonly children?: ReactNode;
}

/**
 * Gives the tree below a client, and connects it as long as the tree is mounted. Navigation inside the
 * tree does not touch the connection.
 */
export function FanfareProvider({ client, disconnectOnUnmount = true, children }: FanfareProviderProps) {
  useEffect(() => {
    if (disconnectOnUnmount) {
      return holdConnection(client);
    }
    client.connect();
    return undefined;
  }, [client, disconnectOnUnmount]);
  return <FanfareContext.Provider value={client}>{children}</FanfareContext.Provider>;
}

/**
 * The client of the nearest provider, for what has no hook: `send`, `retry`, `counters`.
 * @throws FanfareError `invalid_option` outside of a provider.
 */
export function useFanfare(): Fanfare {
  const client = useContext(FanfareContext);
  if (!client) {
    throw new FanfareError("invalid_option", "Render this component inside <FanfareProvider client={…}>.");
  }
  return client;
}
