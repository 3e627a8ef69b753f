import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { type LiveState, type LiveUsage, useLiveUsage } from "@/api/live";
import { buttonClass } from "@/design/Button";
import { LiveLine } from "@/design/LiveLine";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Skeleton } from "@/design/Skeleton";
import { Status } from "@/design/Status";
import { Bytes, Time } from "@/design/Values";
import { ConnectionTable } from "@/pages/connection/ConnectionTable";
import { usageQuery } from "@/pages/proxy/queries";
import { type Dashboard, dashboardQuery } from "@/parts/dashboard";
import { ConnectPanel } from "./ConnectPanel";
import { FirstSteps } from "./FirstSteps";
import { StateLine } from "./StateLine";

type Stats = Schema<"StatsView">;

/** What works now, what is left, and how to connect: one request, then the live numbers. */
export function DashboardPage() {
  const live = useLiveUsage();
  const dashboard = useQuery(dashboardQuery);
  // The socket writes this; nobody asks for it here.
  const newest = useQuery({ ...usageQuery, enabled: false }).data;
  useLookAgain(newest, dashboard.data?.usage);
  return (
    <Loaded query={dashboard} skeleton={<Loading />}>
      {(found) => <Parts dashboard={found} stats={newest ?? found.usage} live={live} />}
    </Loaded>
  );
}

/** The live numbers say that something happened; the rest of the page then looks what it was. */
function useLookAgain(newest: Stats | undefined, shown: Stats | undefined): void {
  const queries = useQueryClient();
  const moved = newest && signature(newest);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is shown changes because of this, and is no reason
  useEffect(() => {
    if (moved && shown && moved !== signature(shown)) void queries.invalidateQueries({ queryKey: keys.dashboard() });
  }, [moved, queries]);
}

const signature = (stats: Stats) =>
  `${stats.open_connections} ${stats.all_time.connections} ${stats.all_time.bytes_total}`;

function Parts({ dashboard, stats, live }: { dashboard: Dashboard; stats: Stats; live: LiveUsage }) {
  const { t } = useLingui();
  return (
    <>
      <StateLine dashboard={dashboard} open={stats.open_connections} />
      {dashboard.unavailable.length > 0 && <Missing />}
      {dashboard.steps && <FirstSteps steps={dashboard.steps} />}
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <ConnectPanel endpoints={dashboard.endpoints} />
        <Panel title={<Trans>Throughput</Trans>} actions={<LiveMark state={live.state} lastAt={live.lastAt} />}>
          <LiveLine samples={live.samples} label={t`Throughput of the last five minutes`} />
          <dl className="mt-4 grid grid-cols-2 gap-4 border-t border-line pt-4 sm:grid-cols-4">
            <Figure name={t`Today`} bytes={stats.today.bytes_total} />
            <Figure name={t`Yesterday`} bytes={dashboard.previous_day.bytes_total} />
            <Figure name={t`This month`} bytes={stats.this_month.bytes_total} />
            <Figure name={t`Ever`} bytes={stats.all_time.bytes_total} />
          </dl>
        </Panel>
      </div>
      <Panel
        flush
        title={<Trans>Recent connections</Trans>}
        actions={
          <Link to="/connection" search={{}} className={buttonClass("quiet", true)}>
            <Trans>Show all</Trans>
          </Link>
        }
      >
        <ConnectionTable rows={dashboard.connections} />
      </Panel>
    </>
  );
}

/** What the page looks like until the answer is there. */
function Loading() {
  return (
    <>
      <Skeleton className="h-20" />
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <Skeleton className="h-72" />
        <Skeleton className="h-72" />
      </div>
      <Skeleton className="h-60" />
    </>
  );
}

/** Says that a part of the page is left out, and why. */
function Missing() {
  return (
    <p role="status" className="rounded-card border border-line bg-sunken px-4 py-3 text-text-2">
      <Trans>
        The wallet and what is left are not shown: that part of the platform does not answer now. Everything else on
        this page is up to date.
      </Trans>
    </p>
  );
}

function LiveMark({ state, lastAt }: { state: LiveState; lastAt: Date | null }) {
  const { t } = useLingui();
  if (state === "live") return <Status tone="ok">{t`Live`}</Status>;
  if (state === "connecting") return <Status tone="off">{t`Connecting`}</Status>;
  return (
    <span className="text-sm text-text-3">
      {lastAt ? (
        <Trans>
          Reconnecting, last seen <Time at={lastAt.toISOString()} clock />
        </Trans>
      ) : (
        <Trans>Reconnecting</Trans>
      )}
    </span>
  );
}

function Figure({ name, bytes }: { name: string; bytes: string }) {
  return (
    <div>
      <dt className="text-sm text-text-3">{name}</dt>
      <dd className="font-semibold">
        <Bytes count={bytes} />
      </dd>
    </div>
  );
}
