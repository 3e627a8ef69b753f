import { useLingui } from "@lingui/react/macro";
import type { RateSample } from "@/api/live";
import { formatRate } from "@/format/bytes";
import { formatClock } from "@/format/time";
import { ChartOrTable } from "./ChartOrTable";
import { scaleEnd } from "./scale";

const SHOWN_S = 300;
const LABEL_EVERY_MS = 120_000;
const EDGE_MS = 30_000;
const HEIGHT = 100;
const LEAST_RATE = 1_000;

/** Throughput of the last five minutes, with the same numbers as a table one click away. */
export function LiveLine({ samples, label }: { samples: readonly RateSample[]; label: string }) {
  const { i18n, t } = useLingui();
  const { locale } = i18n;
  const rate = (value: number) => formatRate(value, locale);
  const last = samples.at(-1);
  return (
    <ChartOrTable
      title={label}
      legend={
        <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm text-text-2">
          <Series colour="bg-chart-1" name={t`Received`} now={rate(last?.receivedPerSecond ?? 0)} />
          <Series colour="bg-chart-3" name={t`Sent`} now={rate(last?.sentPerSecond ?? 0)} />
        </ul>
      }
      chart={<Lines samples={samples} label={label} />}
      numbers={() => ({
        head: [t`Time`, t`Received`, t`Sent`],
        rows: samples.toReversed().map(({ at, receivedPerSecond, sentPerSecond }) => ({
          key: String(at),
          cells: [formatClock(new Date(at), locale, true), rate(receivedPerSecond), rate(sentPerSecond)],
        })),
      })}
    />
  );
}

function Series({ colour, name, now }: { colour: string; name: string; now: string }) {
  return (
    <li className="flex items-center gap-1.5">
      <i className={`h-0.5 w-3 rounded-full ${colour}`} aria-hidden="true" />
      <span>
        {name} <b className="font-medium text-text">{now}</b>
      </span>
    </li>
  );
}

function Lines({ samples, label }: { samples: readonly RateSample[]; label: string }) {
  const { i18n } = useLingui();
  const now = Date.now();
  const start = now - SHOWN_S * 1000;
  const shown = samples.filter(({ at }) => at >= start);
  const end = scaleEnd(
    shown.reduce((most, one) => Math.max(most, one.receivedPerSecond, one.sentPerSecond), LEAST_RATE),
  );
  const path = (rateOf: (one: RateSample) => number) =>
    shown
      .map((one, index) => {
        const x = (one.at - start) / 1000;
        const y = HEIGHT - (rateOf(one) / end) * HEIGHT;
        return `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(2)}`;
      })
      .join("");
  const labels: number[] = [];
  // One at the very edge would be cut off.
  for (
    let at = Math.ceil((start + EDGE_MS) / LABEL_EVERY_MS) * LABEL_EVERY_MS;
    at <= now - EDGE_MS;
    at += LABEL_EVERY_MS
  )
    labels.push(at);
  return (
    <div className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-2 gap-y-1 text-xs text-text-3">
      <div className="-my-2 flex min-w-14 flex-col justify-between text-end" aria-hidden="true">
        {[1, 0.5, 0].map((part) => (
          <span key={part}>{formatRate(end * part, i18n.locale)}</span>
        ))}
      </div>
      <svg
        viewBox={`0 0 ${SHOWN_S} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
        className="h-28 w-full lg:h-51"
      >
        <path
          d={`M0 0.5H${SHOWN_S}M0 ${HEIGHT / 2}H${SHOWN_S}M0 ${HEIGHT - 0.5}H${SHOWN_S}`}
          className="stroke-line"
          vectorEffect="non-scaling-stroke"
        />
        <path
          d={path((one) => one.sentPerSecond)}
          fill="none"
          className="stroke-chart-3"
          strokeWidth="2"
          strokeLinejoin="round"
          vectorEffect="non-scaling-stroke"
        />
        <path
          d={path((one) => one.receivedPerSecond)}
          fill="none"
          className="stroke-chart-1"
          strokeWidth="2"
          strokeLinejoin="round"
          vectorEffect="non-scaling-stroke"
        />
      </svg>
      <div className="relative col-start-2 h-4 overflow-hidden" aria-hidden="true">
        {labels.map((at) => (
          <span
            key={at}
            className="absolute -translate-x-1/2 whitespace-nowrap"
            style={{ left: `${((at - start) / (SHOWN_S * 1000)) * 100}%` }}
          >
            {formatClock(new Date(at), i18n.locale)}
          </span>
        ))}
      </div>
    </div>
  );
}
