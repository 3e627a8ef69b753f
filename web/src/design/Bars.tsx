import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Segmented } from "./Segmented";

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
  const [view, setView] = useState<"chart" | "table">("chart");
  const totals = points.map((_, index) => series.reduce((sum, one) => sum + (one.values[index] ?? 0n), 0n));
  const top = totals.reduce((most, total) => (total > most ? total : most), 1n);
  const named = series.length > 1;
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm text-text-2">
          {named &&
            series.map((one, index) => (
              <li key={one.key} className="flex items-center gap-1.5">
                <span className={`size-2.5 rounded-chip ${colorOf(index)}`} aria-hidden="true" />
                <span className="max-w-48 truncate">{one.label}</span>
              </li>
            ))}
        </ul>
        <Segmented
          label={t`Show ${title} as`}
          value={view}
          onChange={setView}
          options={[
            { value: "chart", label: t`Chart` },
            { value: "table", label: t`Table` },
          ]}
        />
      </div>
      {view === "chart" ? (
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
      ) : (
        // A region that scrolls must be reachable with the keyboard (WCAG 2.1.1).
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <section className="max-h-96 overflow-auto" aria-label={title} tabIndex={0}>
          <table className="w-full text-sm" aria-label={title}>
            <thead>
              <tr className="border-b border-line text-text-3">
                <th scope="col" className="py-2 pe-4 text-start font-medium">
                  <Trans>Time</Trans>
                </th>
                {named &&
                  series.map((one) => (
                    <th key={one.key} scope="col" className="max-w-40 truncate py-2 pe-4 text-end font-medium">
                      {one.label}
                    </th>
                  ))}
                <th scope="col" className="py-2 text-end font-medium">
                  <Trans>Total</Trans>
                </th>
              </tr>
            </thead>
            <tbody>
              {points.map((point, index) => (
                <tr key={point} className="border-b border-line last:border-0">
                  <td className="py-1.5 pe-4 whitespace-nowrap">{point}</td>
                  {named &&
                    series.map((one) => (
                      <td key={one.key} className="py-1.5 pe-4 text-end whitespace-nowrap">
                        {format(one.values[index] ?? 0n)}
                      </td>
                    ))}
                  <td className="py-1.5 text-end whitespace-nowrap">{format(totals[index] ?? 0n)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
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
