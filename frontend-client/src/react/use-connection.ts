import { useMemo, useSyncExternalStore } from "react";
import { type ConnectionState, DISCONNECTED } from "../connection/state.js";
import { useFanfare } from "./provider.js";

/** The connection's state. On a server: disconnected. */
export function useConnection(): ConnectionState;
/**
 * What a selector takes from the connection's state; renders again only when that differs:
 * `useConnection((connection) => connection.status)`.
 */
export function useConnection<T>(selector: (state: ConnectionState) => T): T;
export function useConnection<T>(selector?: (state: ConnectionState) => T): T | ConnectionState {
  const { connection } = useFanfare();
  const select = useMemo(() => {
    // Selected once per state: a selector that makes objects must not look like an endless change.
    let state: ConnectionState | undefined;
    let selected: T | ConnectionState | undefined;
    return (next: ConnectionState): T | ConnectionState => {
      if (next !== state) {
        state = next;
        selected = selector ? selector(next) : next;
      }
      return selected as T | ConnectionState;
    };
  }, [selector]);
  return useSyncExternalStore(
    connection.subscribe,
    () => select(connection.getSnapshot()),
    () => select(DISCONNECTED),
  );
}
