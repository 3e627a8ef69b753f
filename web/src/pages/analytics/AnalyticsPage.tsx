import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { BarChart3, Download } from "lucide-react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Bars } from "@/design/Bars";
import { Button } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { Bytes } from "@/design/Values";
import { formatBytes } from "@/format/bytes";
import { downloadCsv } from "@/format/csv";
import { usageQuery } from "@/pages/proxy/queries";

type Month = Schema<"MonthView">;

/** What was used: by month and by protocol. */
export function AnalyticsPage() {
  const { t, i18n } = useLingui();
  const usage = useQuery(usageQuery);
  const months = useQuery({
    queryKey: keys.months(),
    queryFn: async () => (await body(api.GET("/api/usage/monthly"))).items,
  });
  return (
    <>
      <PageHead
        title={<Trans>Analytics</Trans>}
        lead={<Trans>Every byte that was metered; what is billed adds up from the same records.</Trans>}
        actions={
          <Button
            icon={<Download className="size-4" />}
            disabled={!months.data?.length}
            onClick={() => months.data && saveMonths(months.data)}
          >
            <Trans>Download as CSV</Trans>
          </Button>
        }
      />
      <Panel title={<Trans>By month</Trans>}>
        <Loaded query={months}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={<BarChart3 />}>
                <Trans>No usage yet.</Trans>
              </EmptyState>
            ) : (
              <Bars
                title={t`Data by month`}
                bars={[...all].reverse().map((one) => ({
                  key: one.month,
                  label: monthName(one.month, i18n.locale),
                  value: BigInt(one.bytes_total),
                }))}
                format={(value) => formatBytes(value, i18n.locale)}
              />
            )
          }
        </Loaded>
      </Panel>
      <Panel flush title={<Trans>By protocol</Trans>}>
        <Loaded query={usage}>
          {(stats) =>
            stats.by_protocol.length === 0 ? (
              <EmptyState>
                <Trans>No usage yet.</Trans>
              </EmptyState>
            ) : (
              <Table
                label={t`Data by protocol`}
                rows={stats.by_protocol}
                rowKey={(one) => one.protocol}
                columns={[
                  { key: "protocol", head: t`Protocol`, phone: "title", cell: (one) => one.protocol.toUpperCase() },
                  {
                    key: "connections",
                    head: t`Connections`,
                    numeric: true,
                    cell: (one) => new Intl.NumberFormat(i18n.locale).format(one.connections),
                  },
                  {
                    key: "requests",
                    head: t`Requests`,
                    numeric: true,
                    phone: "hidden",
                    cell: (one) => new Intl.NumberFormat(i18n.locale).format(one.requests),
                  },
                  {
                    key: "sent",
                    head: t`Sent`,
                    numeric: true,
                    phone: "hidden",
                    cell: (one) => <Bytes count={one.bytes_sent} />,
                  },
                  {
                    key: "received",
                    head: t`Received`,
                    numeric: true,
                    phone: "hidden",
                    cell: (one) => <Bytes count={one.bytes_received} />,
                  },
                  {
                    key: "total",
                    head: t`Total`,
                    numeric: true,
                    phone: "end",
                    cell: (one) => (
                      <b className="font-semibold">
                        <Bytes count={one.bytes_total} />
                      </b>
                    ),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}

function monthName(month: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { month: "short", year: "numeric", timeZone: "UTC" }).format(
    new Date(`${month.slice(0, 7)}-01T00:00:00Z`),
  );
}

function saveMonths(months: readonly Month[]): void {
  const columns = ["month", "bytes_sent", "bytes_received", "bytes_total", "connections", "requests"] as const;
  downloadCsv(
    "usage-by-month.csv",
    columns,
    months.map((month) => columns.map((column) => String(month[column]))),
  );
}
