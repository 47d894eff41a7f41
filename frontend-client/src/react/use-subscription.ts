import { useEffect } from "react";
import type { EventOf } from "../events.js";
import type { EventType } from "../generated/protocol.js";
import { useFanfare } from "./provider.js";
import { useLatest } from "./use-latest.js";

/**
 * Calls the handler once for each event of a type, from any room that the application has joined; it joins
 * none. The handler of the last render is called; a new one costs nothing.
 */
export function useSubscription<T extends EventType>(type: T, handler: (event: EventOf<T>) => void): void {
  const fanfare = useFanfare();
  const latest = useLatest(handler);
  useEffect(() => fanfare.on(type, (event) => latest.current(event)), [fanfare, type, latest]);
}
