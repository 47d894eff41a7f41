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

export type Season = "spring" | "summer" | "autumn" | "winter";

/** The season of a world time, as the server reckons it: spring is March to May. */
export function seasonOf(instant: string): Season {
  const month = new Date(instant).getUTCMonth();
  if (month >= 2 && month <= 4) {
    return "spring";
  }
  if (month >= 5 && month <= 7) {
    return "summer";
  }
  return month >= 8 && month <= 10 ? "autumn" : "winter";
}

/** How much of the day has passed, from 0 at midnight to below 1. */
export function dayFraction(instant: string): number {
  const date = new Date(instant);
  return (date.getUTCHours() * 60 + date.getUTCMinutes()) / (24 * 60);
}

const MINUTE = 60_000;
const UNITS = [
  ["week", 7 * 24 * 60 * MINUTE],
  ["day", 24 * 60 * MINUTE],
  ["hour", 60 * MINUTE],
  ["minute", MINUTE],
] as const;

/** The time between two instants in its two largest units: `1 week 2 days`. Less than a minute is `a moment`. */
export function spanBetween(from: string, to: string): string {
  let left = Math.abs(Date.parse(to) - Date.parse(from));
  const parts: string[] = [];
  for (const [unit, ms] of UNITS) {
    const count = Math.floor(left / ms);
    left -= count * ms;
    if (count > 0) {
      parts.push(`${count} ${unit}${count === 1 ? "" : "s"}`);
    } else if (parts.length > 0) {
      break;
    }
    if (parts.length === 2) {
      break;
    }
  }
  return parts.join(" ") || "a moment";
}

/** The lengths of the units of world time, in milliseconds. */
const UNIT_MS = { HOURS: 60 * MINUTE, DAYS: 24 * 60 * MINUTE, WEEKS: 7 * 24 * 60 * MINUTE } as const;
export type AdvanceUnit = keyof typeof UNIT_MS;

/** The instant after so much world time. */
export const later = (instant: string, amount: number, unit: AdvanceUnit): string =>
  new Date(Date.parse(instant) + amount * UNIT_MS[unit]).toISOString();
