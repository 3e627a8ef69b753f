/** The periods to choose from, in days, and how long each point of them is. */
export const PERIODS = ["1", "7", "30", "90", "365"] as const;
export type Period = (typeof PERIODS)[number];
export type Interval = "hour" | "day" | "month";

export const SPLITS = ["protocol", "resource", "asset"] as const;
export type Split = (typeof SPLITS)[number];

export interface Span {
  since: Date;
  until: Date;
  interval: Interval;
}

const DAY_MS = 86_400_000;

/** The last days up to the end of today, from a midnight of the browser's own time zone on; one day is the last 24 hours. */
export function spanOf(period: Period, now: Date): Span {
  const days = Number(period);
  if (days === 1) {
    const until = new Date(Math.ceil((now.getTime() + 1) / 3_600_000) * 3_600_000);
    return { since: new Date(until.getTime() - DAY_MS), until, interval: "hour" };
  }
  const until = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  if (days === 365) return { since: new Date(now.getFullYear(), now.getMonth() - 11, 1), until, interval: "month" };
  return { since: new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1 - days), until, interval: "day" };
}

/** By how much something changed, in per cent; null when there was nothing before. */
export function changeOf(now: bigint, before: bigint): number | null {
  if (before === 0n) return null;
  return Number(((now - before) * 1000n) / before) / 10;
}

/** How a point of time is called: "14:00", "22 Nov" or "Nov 2026". */
export function nameOf(at: Date, interval: Interval, locale: string): string {
  const how: Record<Interval, Intl.DateTimeFormatOptions> = {
    hour: { weekday: "short", hour: "2-digit", minute: "2-digit" },
    day: { day: "numeric", month: "short" },
    month: { month: "short", year: "numeric" },
  };
  return new Intl.DateTimeFormat(locale, how[interval]).format(at);
}
