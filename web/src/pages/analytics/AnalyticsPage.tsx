import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { BarChart3 } from "lucide-react";
import { assetsQuery } from "@/api/catalog";
import type { Schema } from "@/api/client";
import { Bars } from "@/design/Bars";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { Segmented } from "@/design/Segmented";
import { Skeleton } from "@/design/Skeleton";
import { Bytes } from "@/design/Values";
import { formatBytes } from "@/format/bytes";
import { proxyStatusQuery } from "@/pages/proxy/queries";
import { flowProtocol } from "@/parts/flowProtocol";
import { CostPanel } from "./CostPanel";
import { DownloadMenu } from "./DownloadMenu";
import { Figure } from "./Figure";
import { changeOf, nameOf, spanOf } from "./period";
import { trendsQuery } from "./queries";
import { TargetsPanel } from "./TargetsPanel";

type Total = Schema<"TotalView">;

const route = getRouteApi("/_app/analytics");

/** What was used over time, with whom, and what it cost. */
export function AnalyticsPage() {
  const { t, i18n } = useLingui();
  const { period, split } = route.useSearch();
  const navigate = route.useNavigate();
  const trends = useQuery(trendsQuery(period, split));
  const names = useNames();
  const zone = trends.data?.time_zone ?? "";
  return (
    <>
      <PageHead
        title={<Trans>Analytics</Trans>}
        lead={<Trans>Every byte that was metered; what is billed adds up from the same records.</Trans>}
        actions={
          <>
            <Segmented
              label={t`Period`}
              value={period}
              onChange={(value) => void navigate({ search: { period: value, split }, replace: true })}
              options={[
                { value: "24h", label: t`24 hours` },
                { value: "7d", label: t`7 days` },
                { value: "30d", label: t`30 days` },
                { value: "90d", label: t`90 days` },
                { value: "12m", label: t`12 months` },
              ]}
            />
            <DownloadMenu period={period} />
          </>
        }
      />
      <Loaded query={trends} skeleton={<FiguresSkeleton />}>
        {({ total, previous }) => <Figures total={total} previous={previous} />}
      </Loaded>
      <Panel
        title={<Trans>Usage over time</Trans>}
        actions={
          <Segmented
            label={t`Split by`}
            value={split}
            onChange={(value) => void navigate({ search: { period, split: value }, replace: true })}
            options={[
              { value: "protocol", label: t`By protocol` },
              { value: "resource", label: t`By access` },
              { value: "asset", label: t`By product` },
            ]}
          />
        }
      >
        <Loaded query={trends} skeleton={<Skeleton className="h-72" />}>
          {(data) =>
            data.series.length === 0 ? (
              <div className="grid min-h-72 content-center">
                <EmptyState icon={<BarChart3 />}>
                  <Trans>No usage in this period.</Trans>
                </EmptyState>
              </div>
            ) : (
              <div className="grid gap-2">
                <Bars
                  title={t`Usage over time`}
                  points={data.starts_at.map((at) =>
                    nameOf(new Date(at), spanOf(period, new Date()).interval, i18n.locale),
                  )}
                  series={data.series.map((one) => ({
                    key: one.group ?? "",
                    label: one.group === null ? t`Others` : names[split](one.group),
                    values: one.points.map((point) => BigInt(point.bytes_total)),
                  }))}
                  format={(value) => formatBytes(value, i18n.locale)}
                />
                <p className="text-xs text-text-3">
                  <Trans>Times are of {zone}.</Trans>
                </p>
              </div>
            )
          }
        </Loaded>
      </Panel>
      <CostPanel period={period} nameOfAsset={names.asset} />
      <TargetsPanel period={period} total={BigInt(trends.data?.total.bytes_total ?? 0)} />
    </>
  );
}

function FiguresSkeleton() {
  return (
    <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      {["data", "received", "connections", "requests"].map((name) => (
        <Skeleton key={name} className="h-23.5" />
      ))}
    </div>
  );
}

function Figures({ total, previous }: { total: Total; previous: Total }) {
  const { i18n } = useLingui();
  const number = new Intl.NumberFormat(i18n.locale);
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Figure
        name={<Trans>Data</Trans>}
        value={<Bytes count={total.bytes_total} />}
        change={changeOf(BigInt(total.bytes_total), BigInt(previous.bytes_total))}
      />
      <Figure
        name={<Trans>Received</Trans>}
        value={<Bytes count={total.bytes_received} />}
        change={changeOf(BigInt(total.bytes_received), BigInt(previous.bytes_received))}
      />
      <Figure
        name={<Trans>Connections</Trans>}
        value={number.format(total.connections)}
        change={changeOf(BigInt(total.connections), BigInt(previous.connections))}
      />
      <Figure
        name={<Trans>Requests</Trans>}
        value={number.format(total.requests)}
        change={changeOf(BigInt(total.requests), BigInt(previous.requests))}
      />
    </dl>
  );
}

/** How groups are called: protocols and products by their names, accesses by their label. */
function useNames() {
  const status = useQuery(proxyStatusQuery);
  const assets = useQuery(assetsQuery(""));
  return {
    protocol: flowProtocol,
    resource: (id: string) => status.data?.resources.find((one) => one.id === id)?.label || id,
    asset: (code: string) => assets.data?.find((one) => one.asset === code)?.name ?? code,
  };
}
