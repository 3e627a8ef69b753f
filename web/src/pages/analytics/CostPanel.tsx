import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { Schema } from "@/api/client";
import { Bars } from "@/design/Bars";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { Money } from "@/design/Values";
import { parseDecimal, rescale, toText } from "@/format/decimal";
import { formatMeteredMoney } from "@/format/money";
import { nameOf, type Period } from "./period";
import { costsQuery } from "./queries";

type Series = Schema<"CostSeriesView">;

const SCALE = 6;

/** What the data that was used had cost when it was bought. */
export function CostPanel({ period, nameOfAsset }: { period: Period; nameOfAsset: (asset: string) => string }) {
  const { t, i18n } = useLingui();
  const costs = useQuery(costsQuery(period));
  return (
    <Panel title={<Trans>Cost</Trans>}>
      <Loaded query={costs}>
        {({ series, totals }) =>
          series.length === 0 ? (
            <EmptyState>
              <Trans>Nothing was used in this period, so nothing was charged.</Trans>
            </EmptyState>
          ) : (
            <div className="grid gap-6">
              {totals.map(({ currency }) => {
                const paid = series.filter((one) => one.currency === currency);
                return (
                  <Bars
                    key={currency}
                    title={t`Cost in ${currency}`}
                    points={(paid[0]?.points ?? []).map((point) =>
                      nameOf(new Date(`${point.day}T12:00:00`), "day", i18n.locale),
                    )}
                    series={paid.map((one) => ({
                      key: one.asset,
                      label: nameOfAsset(one.asset),
                      values: one.points.map((point) => rescale(parseDecimal(point.used_cost), SCALE)),
                    }))}
                    format={(value) => formatMeteredMoney(toText(value, SCALE), currency, i18n.locale)}
                  />
                );
              })}
              <div className="-mx-4 -mb-4 border-t border-line">
                <Table
                  label={t`Cost by product`}
                  rows={series}
                  rowKey={(one) => `${one.asset} ${one.currency}`}
                  columns={[
                    { key: "asset", head: t`Product`, phone: "title", cell: (one) => nameOfAsset(one.asset) },
                    {
                      key: "used",
                      head: t`Used`,
                      numeric: true,
                      phone: "end",
                      cell: (one) => <Cost amount={one.used_cost} series={one} />,
                    },
                    {
                      key: "expired",
                      head: t`Expired unused`,
                      numeric: true,
                      phone: "hidden",
                      cell: (one) => <Cost amount={one.expired_cost} series={one} />,
                    },
                  ]}
                />
              </div>
            </div>
          )
        }
      </Loaded>
    </Panel>
  );
}

function Cost({ amount, series }: { amount: string; series: Series }) {
  if (series.currency === null) return <Trans>free</Trans>;
  return <Money amount={amount} currency={series.currency} metered />;
}
