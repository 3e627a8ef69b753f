import { Trans, useLingui } from "@lingui/react/macro";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Schema } from "@/api/client";
import { EmptyState } from "@/design/EmptyState";
import { Facts } from "@/design/Facts";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { Money, Time } from "@/design/Values";

/** How the business goes: what was sold, customers, what is open, the books. */
export function Figures({
  sales,
  payments,
  customers,
  nodes,
  books,
}: {
  sales: UseQueryResult<Schema<"SalesView">>;
  payments: UseQueryResult<Schema<"PaymentsOverview">>;
  customers: UseQueryResult<Schema<"CustomersOverview">>;
  nodes: UseQueryResult<Schema<"NodeView">[]>;
  books: UseQueryResult<Schema<"BooksOverview">>;
}) {
  const { t, i18n } = useLingui();
  const number = (value: number) => new Intl.NumberFormat(i18n.locale).format(value);
  return (
    <div className="grid gap-6 lg:grid-cols-2">
      <Panel flush title={<Trans>Sold</Trans>}>
        <Loaded query={sales}>
          {(found) =>
            found.revenue.length === 0 ? (
              <EmptyState>
                <Trans>Nothing was sold in 30 days.</Trans>
              </EmptyState>
            ) : (
              <Table
                label={t`Sold`}
                rows={found.revenue}
                rowKey={(one) => one.currency}
                columns={[
                  { key: "currency", head: t`Currency`, phone: "title", cell: (one) => one.currency },
                  {
                    key: "today",
                    head: t`Today`,
                    numeric: true,
                    phone: "end",
                    cell: (one) => <Money amount={one.today} currency={one.currency} />,
                  },
                  {
                    key: "week",
                    head: t`7 days`,
                    numeric: true,
                    cell: (one) => <Money amount={one.last_7_days} currency={one.currency} />,
                  },
                  {
                    key: "month",
                    head: t`30 days`,
                    numeric: true,
                    cell: (one) => <Money amount={one.last_30_days} currency={one.currency} />,
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
      <Panel title={<Trans>At this moment</Trans>}>
        <Facts
          facts={[
            [t`Customers`, customers.data ? number(customers.data.accounts) : "–"],
            [t`New in 7 days`, customers.data ? number(customers.data.new_7_days) : "–"],
            [t`Suspended`, customers.data ? number(customers.data.suspended) : "–"],
            [
              t`Open connections`,
              nodes.data ? number(nodes.data.reduce((sum, node) => sum + node.open_connections, 0)) : "–",
            ],
            [t`Open debts`, payments.data ? number(payments.data.owing) : "–"],
            [t`Transactions`, books.data ? number(books.data.transactions) : "–"],
            [t`Last seal`, books.data?.sealed_at ? <Time key="seal" at={books.data.sealed_at} /> : "–"],
          ]}
        />
      </Panel>
    </div>
  );
}
