import { useLingui } from "@lingui/react/macro";
import { ChartOrTable } from "./ChartOrTable";

/** The colours of series, in their order. */
export const SERIES_COLORS = [
  "bg-chart-1",
  "bg-chart-2",
  "bg-chart-3",
  "bg-chart-4",
  "bg-chart-5",
  "bg-control",
] as const;

export interface BarSeries {
  key: string;
  label: string;
  /** One for each point. */
  values: readonly bigint[];
}

/** Stacked bars over time, with the same numbers as a table one click away. `format` writes a value. */
export function Bars({
  title,
  points,
  series,
  format,
}: {
  title: string;
  /** What each bar is called. */
  points: readonly string[];
  series: readonly BarSeries[];
  format: (value: bigint) => string;
}) {
  const { t } = useLingui();
  const totals = points.map((_, index) => series.reduce((sum, one) => sum + (one.values[index] ?? 0n), 0n));
  const top = totals.reduce((most, total) => (total > most ? total : most), 1n);
  const named = series.length > 1;
  return (
    <ChartOrTable
      title={title}
      legend={
        <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm text-text-2">
          {named &&
            series.map((one, index) => (
              <li key={one.key} className="flex items-center gap-1.5">
                <span className={`size-2.5 rounded-chip ${colorOf(index)}`} aria-hidden="true" />
                <span className="max-w-48 truncate">{one.label}</span>
              </li>
            ))}
        </ul>
      }
      chart={
        <div className="grid gap-1.5">
          <div className="flex justify-between text-xs text-text-3">
            <span>{format(top)}</span>
          </div>
          <div role="img" aria-label={title} className="flex h-44 items-end gap-px border-b border-line sm:gap-1">
            {points.map((point, index) => (
              <div
                key={point}
                className="group flex h-full min-w-0 grow flex-col justify-end"
                title={tooltipOf(point, index, totals, series, format)}
              >
                <div
                  className="flex min-h-px flex-col-reverse overflow-hidden rounded-t-chip transition-opacity group-hover:opacity-80"
                  style={{ height: `${share(totals[index] ?? 0n, top)}%` }}
                >
                  {series.map((one, place) => (
                    <div
                      key={one.key}
                      className={colorOf(place)}
                      style={{ height: `${share(one.values[index] ?? 0n, totals[index] || 1n)}%` }}
                    />
                  ))}
                </div>
              </div>
            ))}
          </div>
          <div className="flex justify-between text-xs text-text-3">
            <span>{points[0]}</span>
            <span>{points.length > 1 ? points.at(-1) : ""}</span>
          </div>
        </div>
      }
      numbers={() => ({
        head: [t`Time`, ...(named ? series.map((one) => one.label) : []), t`Total`],
        rows: points.map((point, index) => ({
          key: point,
          cells: [
            point,
            ...(named ? series.map((one) => format(one.values[index] ?? 0n)) : []),
            format(totals[index] ?? 0n),
          ],
        })),
      })}
    />
  );
}

function colorOf(index: number): string {
  return SERIES_COLORS[index] ?? "bg-control";
}

function share(part: bigint, whole: bigint): number {
  return Number((part * 10_000n) / whole) / 100;
}

function tooltipOf(
  point: string,
  index: number,
  totals: readonly bigint[],
  series: readonly BarSeries[],
  format: (value: bigint) => string,
): string {
  const parts = series.length > 1 ? series.map((one) => `${one.label}: ${format(one.values[index] ?? 0n)}`) : [];
  return [`${point}: ${format(totals[index] ?? 0n)}`, ...parts].join("\n");
}
