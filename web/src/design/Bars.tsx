import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Segmented } from "./Segmented";

export interface Bar {
  key: string;
  label: string;
  value: bigint;
}

/** Bars over time or over groups, with the same numbers as a table one click away. `format` writes a value. */
export function Bars({
  title,
  bars,
  format,
}: {
  title: string;
  bars: readonly Bar[];
  format: (value: bigint) => string;
}) {
  const { t } = useLingui();
  const [view, setView] = useState<"chart" | "table">("chart");
  const top = bars.reduce((most, bar) => (bar.value > most ? bar.value : most), 1n);
  return (
    <div className="grid gap-3">
      <div className="flex justify-end">
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
        <div role="img" aria-label={title} className="flex h-44 items-end gap-1 border-b border-line">
          {bars.map((bar) => (
            <div
              key={bar.key}
              className="group relative flex h-full min-w-0 grow flex-col justify-end"
              title={`${bar.label}: ${format(bar.value)}`}
            >
              <div
                className="min-h-px rounded-t-chip bg-chart-1 transition-opacity group-hover:opacity-80"
                style={{ height: `${Number((bar.value * 1000n) / top) / 10}%` }}
              />
            </div>
          ))}
        </div>
      ) : (
        <table className="w-full text-sm" aria-label={title}>
          <thead>
            <tr className="border-b border-line text-text-3">
              <th scope="col" className="py-2 text-start font-medium">
                <Trans>Group</Trans>
              </th>
              <th scope="col" className="py-2 text-end font-medium">
                <Trans>Amount</Trans>
              </th>
            </tr>
          </thead>
          <tbody>
            {bars.map((bar) => (
              <tr key={bar.key} className="border-b border-line last:border-0">
                <td className="py-1.5">{bar.label}</td>
                <td className="py-1.5 text-end">{format(bar.value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {view === "chart" && bars.length > 0 && (
        <div className="flex justify-between text-xs text-text-3">
          <span>{bars[0]?.label}</span>
          <span>{bars.at(-1)?.label}</span>
        </div>
      )}
    </div>
  );
}
