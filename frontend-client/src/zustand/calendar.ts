/** The quarters of the world's year: spring is March to May. The server's own division. */
export type Season = "spring" | "summer" | "autumn" | "winter";

/** An instant of world time in the parts that people read, in UTC. */
export interface WorldDate {
  /** −9999 to 9999. */
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
  /** 0 to 23. */
  readonly hour: number;
  /** 0 to 59. */
  readonly minute: number;
  /** 1 to 366. */
  readonly dayOfYear: number;
  readonly season: Season;
}

/** What is left until a moment of world time. */
export interface TimeLeft {
  /** Milliseconds of world time; 0 when it has come. */
  readonly ms: number;
  readonly days: number;
  /** 0 to 23. */
  readonly hours: number;
  /** 0 to 59. */
  readonly minutes: number;
  readonly isOver: boolean;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SEASONS: readonly Season[] = ["winter", "spring", "summer", "autumn"];

/** The parts of an instant; null when the text is none. */
export function worldDate(worldTime: string): WorldDate | null {
  const ms = Date.parse(worldTime);
  if (Number.isNaN(ms)) {
    return null;
  }
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth() + 1;
  const newYear = new Date(ms);
  newYear.setUTCMonth(0, 1);
  newYear.setUTCHours(0, 0, 0, 0);
  return {
    year,
    month,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    dayOfYear: Math.floor((ms - newYear.getTime()) / DAY) + 1,
    season: SEASONS[Math.floor((month % 12) / 3)] ?? "winter",
  };
}

/** What is left between two moments of world time; over when a moment is missing or cannot be read. */
export function timeUntil(moment: string | null | undefined, worldTime: string | null | undefined): TimeLeft {
  const difference = Date.parse(moment ?? "") - Date.parse(worldTime ?? "");
  const ms = difference > 0 ? difference : 0;
  return {
    ms,
    days: Math.floor(ms / DAY),
    hours: Math.floor((ms % DAY) / HOUR),
    minutes: Math.floor((ms % HOUR) / MINUTE),
    isOver: ms === 0,
  };
}
