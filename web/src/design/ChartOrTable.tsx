import { useLingui } from "@lingui/react/macro";
import { type ReactNode, useState } from "react";
import { Segmented } from "./Segmented";

/** The numbers of a chart: what the columns are called, and the rows. */
export interface ChartNumbers {
  head: readonly string[];
  rows: readonly { key: string; cells: readonly string[] }[];
}

/** A chart, and the same numbers as a table one click away. `numbers` is called when the table is shown. */
export function ChartOrTable({
  title,
  legend,
  chart,
  numbers,
}: {
  title: string;
  legend: ReactNode;
  chart: ReactNode;
  numbers: () => ChartNumbers;
}) {
  const { t } = useLingui();
  const [view, setView] = useState<"chart" | "table">("chart");
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        {legend}
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
      {view === "chart" ? chart : <ChartTable title={title} numbers={numbers()} />}
    </div>
  );
}

/** The numbers of a chart as a table. The first column says when, the others are numbers. */
export function ChartTable({ title, numbers: { head, rows } }: { title: string; numbers: ChartNumbers }) {
  return (
    // A region that scrolls must be reachable with the keyboard (WCAG 2.1.1).
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section className="max-h-96 overflow-auto" aria-label={title} tabIndex={0}>
      <table className="w-full text-sm" aria-label={title}>
        <thead>
          <tr className="border-b border-line text-text-3">
            {head.map((name, index) => (
              <th
                key={name}
                scope="col"
                className={`max-w-40 truncate py-2 font-medium ${index === 0 ? "text-start" : "ps-4 text-end"}`}
              >
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key} className="border-b border-line last:border-0">
              {head.map((name, index) => (
                <td key={name} className={`py-1.5 whitespace-nowrap ${index === 0 ? "" : "ps-4 text-end"}`}>
                  {cells[index]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
