import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { ChartTable } from "@/design/ChartOrTable";
import { Skeleton } from "@/design/Skeleton";
import { formatMoney } from "@/format/money";
import { formatDate } from "@/format/time";
import { pricesQuery } from "./queries";

const WIDTH = 300;
const HEIGHT = 44;

/** The list price so far, as steps: it stays until it is changed. */
export function PriceLine({ asset, currency, label }: { asset: string; currency: string; label: string }) {
  const { i18n, t } = useLingui();
  const prices = useQuery(pricesQuery(asset, currency));
  if (!prices.data) return <Skeleton className="h-11 w-full" />;
  const points = [...prices.data.items].reverse().map((one) => ({ at: new Date(one.since), price: one.list_price }));
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return null;
  if (points.length === 1) {
    return (
      <p className="text-sm text-text-3">
        <Trans>Same price since {formatDate(first.at, i18n.locale)}</Trans>
      </p>
    );
  }
  // Places on the screen may be rounded; the amounts themselves are never turned into numbers elsewhere.
  const values = points.map((point) => Number.parseFloat(point.price));
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const start = first.at.getTime();
  const time = Math.max(1, Date.now() - start);
  const x = (at: Date) => ((at.getTime() - start) / time) * WIDTH;
  const y = (value: number) => HEIGHT - 4 - ((value - low) / span) * (HEIGHT - 8);
  const path = points
    .map(
      (point, index) =>
        `${index === 0 ? "M" : "H"}${x(point.at)}${index === 0 ? ` ${y(values[index] ?? low)}` : `V${y(values[index] ?? low)}`}`,
    )
    .join("");
  const money = (price: string) => formatMoney(price, currency, i18n.locale);
  return (
    <div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label}: ${money(first.price)} – ${money(last.price)}`}
        className="h-11 w-full"
      >
        <path
          d={`${path}H${WIDTH}`}
          fill="none"
          className="stroke-chart-1"
          strokeWidth="1.5"
          vectorEffect="non-scaling-stroke"
        />
      </svg>
      <details className="mt-1">
        <summary className="rounded-chip text-sm text-text-3">
          <Trans>Show as a table</Trans>
        </summary>
        <ChartTable
          title={label}
          numbers={{
            head: [t`Since`, t`Price`],
            rows: points.toReversed().map(({ at, price }) => ({
              key: at.toISOString(),
              cells: [formatDate(at, i18n.locale), money(price)],
            })),
          }}
        />
      </details>
    </div>
  );
}
