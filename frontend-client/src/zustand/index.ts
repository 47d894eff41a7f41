/**
 * Zustand: a store of world clocks that follows `world_time_changed`, and what is computed from them.
 *
 * @packageDocumentation
 */

export { type Season, type TimeLeft, timeUntil, type WorldDate, worldDate } from "./calendar.js";
export { fromClock } from "./derived.js";
export {
  type ClockReading,
  createWorldTimeStore,
  type WorldClock,
  type WorldTimeOptions,
  type WorldTimeState,
  type WorldTimeStore,
} from "./store.js";
export { useWorldClock } from "./use-world-clock.js";
