import { useLingui } from "@lingui/react/macro";
import { useEffect, useState } from "react";
import { formatBytes, formatExactBytes } from "@/format/bytes";
import { formatMeteredMoney, formatMoney } from "@/format/money";
import { formatClock, formatCountdown, formatExactTime, formatRelative } from "@/format/time";
import { usePageClock } from "./clock";

/** An amount of money. `metered` keeps the digits of what a few bytes cost. `sign` puts a plus before what came in. */
export function Money({
  amount,
  currency,
  metered = false,
  sign = false,
}: {
  amount: string;
  currency: string;
  metered?: boolean;
  sign?: boolean;
}) {
  const { i18n } = useLingui();
  const format = metered ? formatMeteredMoney : formatMoney;
  const plus = sign && !amount.startsWith("-") ? "+" : "";
  return <span className="whitespace-nowrap">{plus + format(amount, currency, i18n.locale)}</span>;
}

/** A count of bytes: three figures, the exact count on hover. */
export function Bytes({ count }: { count: string | bigint }) {
  const { i18n, t } = useLingui();
  const exact = formatExactBytes(count, i18n.locale);
  return (
    <span className="whitespace-nowrap" title={t`${exact} bytes`}>
      {formatBytes(count, i18n.locale)}
    </span>
  );
}

/** A point in time, relative within a day, with the exact time and zone on hover. All of a page are told by one clock. */
export function Time({ at, clock = false }: { at: string; clock?: boolean }) {
  const { i18n } = useLingui();
  const now = usePageClock(at);
  const date = new Date(at);
  return (
    <time dateTime={at} title={formatExactTime(date, i18n.locale)} className="whitespace-nowrap">
      {clock ? formatClock(date, i18n.locale) : formatRelative(date, now, i18n.locale)}
    </time>
  );
}

/** Seconds until a moment, as "0:42". Calls `onEnd` once when they are over. */
export function Countdown({ until, onEnd }: { until: string; onEnd?: () => void }) {
  const now = useNow(250);
  const left = (new Date(until).getTime() - now.getTime()) / 1000;
  const over = left <= 0;
  useEffect(() => {
    if (over) onEnd?.();
  }, [over, onEnd]);
  return <span role="timer">{formatCountdown(left)}</span>;
}

export function useNow(everyMs: number): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(new Date()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}
