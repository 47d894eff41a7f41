import type { TimeSpan } from "@fanfare/client";
import { type Season, timeUntil, worldDate } from "@fanfare/client/zustand";

const DATE = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC",
  day: "numeric",
  month: "long",
  year: "numeric",
});
const TIME = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hour: "2-digit", minute: "2-digit" });

/** `10 April 1372` */
export const dateOf = (instant: string): string => DATE.format(new Date(instant));

/** `08:00` */
export const timeOf = (instant: string): string => TIME.format(new Date(instant));

/** `10 April 1372, 08:00` */
export const momentOf = (instant: string): string => `${dateOf(instant)}, ${timeOf(instant)}`;

/** The season of a world time; spring when the text is no time. */
export const seasonOf = (instant: string): Season => worldDate(instant)?.season ?? "spring";

/** How much of the day has passed, from 0 at midnight to below 1. */
export function dayFraction(instant: string): number {
  const date = new Date(instant);
  return (date.getUTCHours() * 60 + date.getUTCMinutes()) / (24 * 60);
}

const counted = (count: number, unit: string) => (count === 1 ? `1 ${unit}` : `${count} ${unit}s`);

/** The time until a moment in its two largest units: `9 days 1 hour`. Less than a minute is `a moment`. */
export function timeLeft(worldTime: string, moment: string): string {
  const { days, hours, minutes } = timeUntil(moment, worldTime);
  const parts = [
    { count: days, unit: "day" },
    { count: hours, unit: "hour" },
    { count: minutes, unit: "minute" },
  ];
  const first = parts.findIndex(({ count }) => count > 0);
  const shown = first === -1 ? [] : parts.slice(first, first + 2).filter(({ count }) => count > 0);
  return shown.map(({ count, unit }) => counted(count, unit)).join(" ") || "a moment";
}

/** An amount of world time in words: `6 hours`. */
export const spanOf = ({ value, unit }: TimeSpan): string => counted(value, unit.toLowerCase().slice(0, -1));

const HOUR = 3_600_000;
/** The lengths of the units of world time, in milliseconds. */
const UNIT_MS = { HOURS: HOUR, DAYS: 24 * HOUR, WEEKS: 7 * 24 * HOUR } as const;
export type AdvanceUnit = keyof typeof UNIT_MS;

/** The instant after so much world time. */
export const later = (instant: string, amount: number, unit: AdvanceUnit): string =>
  new Date(Date.parse(instant) + amount * UNIT_MS[unit]).toISOString();
