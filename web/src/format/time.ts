const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** "5 min ago" within a day, a date before that. The exact time belongs into the title (`formatExactTime`). */
export function formatRelative(at: Date, now: Date, locale: string): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const distance = Math.abs(seconds);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  if (distance < MINUTE_S) return relative.format(seconds, "second");
  if (distance < HOUR_S) return relative.format(Math.trunc(seconds / MINUTE_S), "minute");
  if (distance < DAY_S) return relative.format(Math.trunc(seconds / HOUR_S), "hour");
  return formatDate(at, locale);
}

export function formatDate(at: Date, locale: string): string {
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" }).format(at);
}

/** Date, time and zone. */
export function formatExactTime(at: Date, locale: string): string {
  return new Intl.DateTimeFormat(locale, {
    dateStyle: "medium",
    timeStyle: "long",
  }).format(at);
}

/** "14:02", or "14:02:11". */
export function formatClock(at: Date, locale: string, seconds = false): string {
  return new Intl.DateTimeFormat(locale, {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" as const } : {}),
  }).format(at);
}

/** "0:42" or "12:05": what is left of a quote or of a wait. */
export function formatCountdown(seconds: number): string {
  const left = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

/** "350 ms", "4.2 s", "12 min", "3 h": how long something took. */
export function formatDuration(milliseconds: number, locale: string): string {
  const number = (value: number, digits: number) =>
    new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
  if (milliseconds < 1000) return `${number(milliseconds, 0)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < MINUTE_S) return `${number(seconds, 1)} s`;
  if (seconds < HOUR_S) return `${number(seconds / MINUTE_S, 0)} min`;
  if (seconds < 2 * DAY_S) return `${number(seconds / HOUR_S, 1)} h`;
  return `${number(seconds / DAY_S, 0)} d`;
}
