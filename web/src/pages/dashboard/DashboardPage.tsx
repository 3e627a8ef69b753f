import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { type LiveState, useLiveUsage } from "@/api/live";
import { buttonClass } from "@/design/Button";
import { LiveLine } from "@/design/LiveLine";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Skeleton } from "@/design/Skeleton";
import { Status } from "@/design/Status";
import { Bytes, Money, Time } from "@/design/Values";
import { accountsQuery, cashOf, portfolioQuery } from "@/pages/billing/queries";
import { ConnectionTable } from "@/pages/connection/ConnectionTable";
import { connectionsQuery, proxyStatusQuery, usageQuery } from "@/pages/proxy/queries";
import { ConnectPanel } from "./ConnectPanel";
import { FirstSteps } from "./FirstSteps";

const RECENT = 5;

/** What works now, what is left, and how to connect. */
export function DashboardPage() {
  const { t } = useLingui();
  const live = useLiveUsage();
  const status = useQuery(proxyStatusQuery);
  const usage = useQuery(usageQuery);
  const recent = useInfiniteQuery(connectionsQuery({}, RECENT));
  // The live numbers say that something happened; the lists beside them then look what it was.
  const queries = useQueryClient();
  const moved = `${usage.data?.open_connections} ${usage.data?.all_time.bytes_total}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `moved` is the reason to look
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: ["connections"] });
    void queries.invalidateQueries({ queryKey: keys.portfolio() });
  }, [moved, queries]);
  const rows = recent.data?.pages[0]?.items.slice(0, RECENT);
  return (
    <>
      <Loaded query={status} skeleton={<Skeleton className="h-20" />}>
        {(found) => <StateLine status={found} open={usage.data?.open_connections ?? found.open_connections} />}
      </Loaded>
      <Loaded query={status} skeleton={null}>
        {() => <FirstSteps used={BigInt(usage.data?.all_time.bytes_total ?? "0") > 0n} />}
      </Loaded>
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <ConnectPanel />
        <Panel title={<Trans>Throughput</Trans>} actions={<LiveMark state={live.state} lastAt={live.lastAt} />}>
          <LiveLine samples={live.samples} label={t`Throughput of the last five minutes`} />
          <Loaded query={usage} skeleton={<Skeleton className="mt-4 h-10" />}>
            {(stats) => (
              <dl className="mt-4 grid grid-cols-3 gap-4 border-t border-line pt-4">
                <Figure name={t`Today`} bytes={stats.today.bytes_total} />
                <Figure name={t`This month`} bytes={stats.this_month.bytes_total} />
                <Figure name={t`Ever`} bytes={stats.all_time.bytes_total} />
              </dl>
            )}
          </Loaded>
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
        <Loaded query={recent}>{() => <ConnectionTable rows={rows ?? []} />}</Loaded>
      </Panel>
    </>
  );
}

function StateLine({ status, open }: { status: Schema<"StatusView">; open: number }) {
  const { t } = useLingui();
  const accounts = useQuery(accountsQuery);
  const cash = accounts.data ? cashOf(accounts.data) : undefined;
  const portfolio = useQuery(portfolioQuery);
  const left = portfolio.data?.holdings.reduce((sum, holding) => sum + BigInt(holding.remaining), 0n) ?? 0n;
  const working = status.state === "connected" && left > 0n;
  const tone = working ? "ok" : status.state === "suspended" ? "bad" : "warn";
  const word = working
    ? t`Working`
    : status.state === "suspended"
      ? t`Suspended`
      : left > 0n
        ? t`Not connected`
        : t`No data left`;
  return (
    <div className="flex flex-wrap items-center justify-between gap-4">
      <div>
        <h1 className="flex flex-wrap items-center gap-x-3 gap-y-1 text-lg font-semibold tracking-tight">
          <Status tone={tone}>{word}</Status>
          <span>
            <Trans>
              <Bytes count={left} /> left
            </Trans>
          </span>
        </h1>
        <p className="mt-1 text-text-2">
          {open === 0 ? (
            <Trans>No connection is open.</Trans>
          ) : (
            <Plural value={open} one="# connection is open." other="# connections are open." />
          )}
        </p>
      </div>
      <div className="flex items-center gap-3">
        {cash && (
          <span className="text-text-2">
            <Trans>
              Wallet <Money amount={cash.available} currency={cash.asset} />
            </Trans>
          </span>
        )}
        <Link to="/billing" className={buttonClass("plain")}>
          <Trans>Top up</Trans>
        </Link>
      </div>
    </div>
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
