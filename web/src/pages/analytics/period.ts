/** The periods to choose from. */
export const PERIODS = ["24h", "7d", "30d", "90d", "12m"] as const;
export type Period = (typeof PERIODS)[number];
export type Interval = "hour" | "day" | "month";

export const SPLITS = ["protocol", "resource", "asset"] as const;
export type Split = (typeof SPLITS)[number];

export interface Span {
  since: Date;
  until: Date;
  interval: Interval;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAYS = { "7d": 7, "30d": 30, "90d": 90 } as const;

/** The last hours, days or months, the present one included, cut in the browser's own time zone. */
export function spanOf(period: Period, now: Date): Span {
  if (period === "24h") {
    const until = new Date(Math.ceil((now.getTime() + 1) / HOUR_MS) * HOUR_MS);
    return { since: new Date(until.getTime() - DAY_MS), until, interval: "hour" };
  }
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()];
  const until = new Date(year, month, day + 1);
  if (period === "12m") return { since: new Date(year, month - 11, 1), until, interval: "month" };
  return { since: new Date(year, month, day + 1 - DAYS[period]), until, interval: "day" };
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
