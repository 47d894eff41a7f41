import type { RefObject } from "react";
import { type EventHandlers, handlerName } from "../events.js";
import { type Envelope, EVENT_TYPES } from "../generated/protocol.js";
import type { RoomHandlers, SubscribeOptions } from "../rooms/types.js";

type Latest = Readonly<RefObject<SubscribeOptions>>;

/**
 * Options for one subscription whose handlers are always those of the last render. `also` is told of errors
 * and removals first.
 */
export function latestHandlers(
  latest: Latest,
  also: Required<Pick<RoomHandlers, "onError" | "onRemoved">>,
): SubscribeOptions {
  return {
    ...eventHandlers(latest),
    position: latest.current.position,
    onEvent: (event) => latest.current.onEvent?.(event),
    onError: (error) => {
      also.onError?.(error);
      latest.current.onError?.(error);
    },
    onRemoved: (room, code) => {
      also.onRemoved?.(room, code);
      latest.current.onRemoved?.(room, code);
    },
    // Only who has an `onStale` reads the state again: without one, another use has to make the room fresh.
    get onStale() {
      return latest.current.onStale;
    },
  };
}

function eventHandlers(latest: Latest): EventHandlers {
  const handlers: Record<string, (event: Envelope) => void> = {};
  for (const type of EVENT_TYPES) {
    const name = handlerName(type);
    if (name) {
      // The handler of this name takes the events of this type, and is given no others.
      handlers[name] = (event) => (latest.current[name] as ((event: Envelope) => void) | undefined)?.(event);
    }
  }
  return handlers as EventHandlers;
}
