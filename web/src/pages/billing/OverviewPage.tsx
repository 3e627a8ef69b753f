import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Layers, Wallet } from "lucide-react";
import { useMemo } from "react";
import type { Schema } from "@/api/client";
import { buttonClass } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { Meter } from "@/design/Meter";
import { MoreButton } from "@/design/MoreButton";
import { Panel } from "@/design/Panel";
import { Skeleton } from "@/design/Skeleton";
import { Status, type StatusTone } from "@/design/Status";
import { Table } from "@/design/Table";
import { Bytes, Money, Time } from "@/design/Values";
import { isZero } from "@/format/decimal";
import { AssetName } from "@/parts/AssetName";
import { useProviderName } from "@/parts/providerName";
import { depositsQuery, portfolioQuery } from "./queries";

type Holding = Schema<"HoldingView">;

/** What is in the wallet, what is held by lot and what it is worth, and the payments so far. */
export function OverviewPage() {
  const { t } = useLingui();
  const portfolio = useQuery(portfolioQuery);
  return (
    <>
      <Loaded query={portfolio} skeleton={<PortfolioSkeleton />}>
        {({ cash, holdings, currency }) => (
          <>
            <Panel title={<Trans>Wallet</Trans>}>
              <dl className="flex flex-wrap gap-x-12 gap-y-4">
                {cash.map((one) => (
                  <div key={one.currency}>
                    <dt className="text-sm text-text-3">{one.currency}</dt>
                    <dd className="text-xl font-semibold tracking-tight">
                      <Money amount={one.available} currency={one.currency} />
                    </dd>
                    {one.available !== one.balance && (
                      <dd className="text-sm text-text-3">
                        <Trans>
                          of <Money amount={one.balance} currency={one.currency} />; the rest is held for open orders
                        </Trans>
                      </dd>
                    )}
                  </div>
                ))}
              </dl>
            </Panel>
            <Panel flush title={<Trans>What you hold</Trans>}>
              {holdings.length === 0 ? (
                <EmptyState
                  icon={<Layers />}
                  action={
                    <Link to="/billing/catalogue" className={buttonClass("primary")}>
                      <Trans>See the catalogue</Trans>
                    </Link>
                  }
                >
                  <Trans>Nothing yet. Buy a first pack.</Trans>
                </EmptyState>
              ) : (
                <ul className="divide-y divide-line">
                  {holdings.map((holding) => (
                    <HoldingRow key={holding.asset} holding={holding} currency={currency} />
                  ))}
                </ul>
              )}
            </Panel>
          </>
        )}
      </Loaded>
      <Deposits label={t`Payments`} />
    </>
  );
}

/** As high as a wallet of one currency and one holding, so that what stands below them stays in its place. */
function PortfolioSkeleton() {
  return (
    <>
      <Panel title={<Trans>Wallet</Trans>}>
        <Skeleton className="h-12" />
      </Panel>
      <Panel flush title={<Trans>What you hold</Trans>}>
        <div className="px-4 py-4">
          <Skeleton className="h-33 md:h-28" />
        </div>
      </Panel>
    </>
  );
}

function HoldingRow({ holding, currency }: { holding: Holding; currency: string }) {
  const { t } = useLingui();
  const acquired = BigInt(holding.acquired);
  const share = acquired > 0n ? Number((BigInt(holding.remaining) * 1000n) / acquired) / 1000 : 0;
  return (
    <li className="grid gap-3 px-4 py-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <span className="font-medium">
          <AssetName code={holding.asset} />
        </span>
        <span>
          <b className="font-semibold">
            <Bytes count={holding.remaining} />
          </b>{" "}
          <span className="text-text-3">
            <Trans>
              of <Bytes count={holding.acquired} />
            </Trans>
          </span>
        </span>
      </div>
      <Meter value={share} label={t`What is left of ${holding.asset}`} />
      <div className="flex flex-wrap gap-x-6 gap-y-1 text-sm text-text-3">
        {holding.costs.map((cost) => (
          <span key={cost.currency}>
            <Trans>
              Cost of what is left <Money amount={cost.cost_of_remaining} currency={cost.currency} metered />
            </Trans>
          </span>
        ))}
        {holding.market_value && (
          <span>
            <Trans>
              Worth now <Money amount={holding.market_value} currency={currency} metered />
            </Trans>
          </span>
        )}
        {!isZero(holding.reserved) && (
          <span>
            <Trans>
              <Bytes count={holding.reserved} /> in use by open connections
            </Trans>
          </span>
        )}
      </div>
      <details>
        <summary className="rounded-chip text-sm text-accent">
          <Trans>Lots</Trans>
        </summary>
        <div className="-mx-4 pt-2">
          <Table
            label={t`Lots`}
            rows={holding.lots}
            rowKey={(lot) => lot.id}
            columns={[
              { key: "bought", head: t`Bought`, phone: "title", cell: (lot) => <Time at={lot.opened_at} /> },
              {
                key: "quantity",
                head: t`Quantity`,
                numeric: true,
                phone: "hidden",
                cell: (lot) => <Bytes count={lot.quantity} />,
              },
              {
                key: "left",
                head: t`Left`,
                numeric: true,
                phone: "end",
                cell: (lot) => <Bytes count={lot.remaining} />,
              },
              {
                key: "cost",
                head: t`Cost`,
                numeric: true,
                cell: (lot) => (lot.currency ? <Money amount={lot.cost} currency={lot.currency} /> : "–"),
              },
              {
                key: "expires",
                head: t`Expires`,
                numeric: true,
                cell: (lot) => (lot.expires_at ? <Time at={lot.expires_at} /> : t`Never`),
              },
            ]}
          />
        </div>
      </details>
    </li>
  );
}

function Deposits({ label }: { label: string }) {
  const { t } = useLingui();
  const providerName = useProviderName();
  const deposits = useInfiniteQuery(depositsQuery);
  const rows = useMemo(() => deposits.data?.pages.flatMap((page) => page.items) ?? [], [deposits.data]);
  return (
    <Panel flush title={label}>
      <Loaded query={deposits}>
        {() =>
          rows.length === 0 ? (
            <EmptyState icon={<Wallet />}>
              <Trans>No payments yet.</Trans>
            </EmptyState>
          ) : (
            <Table
              label={label}
              rows={rows}
              rowKey={(one) => one.id}
              columns={[
                { key: "at", head: t`When`, phone: "title", cell: (one) => <Time at={one.created_at} /> },
                { key: "provider", head: t`Provider`, cell: (one) => providerName(one.provider) },
                { key: "state", head: t`State`, cell: (one) => <DepositState state={one.state} /> },
                { key: "reason", head: t`Note`, phone: "hidden", cell: (one) => one.decline_code ?? one.reason ?? "" },
                {
                  key: "amount",
                  head: t`Amount`,
                  numeric: true,
                  phone: "end",
                  cell: (one) => <Money amount={one.amount} currency={one.currency} />,
                },
              ]}
            />
          )
        }
      </Loaded>
      <MoreButton query={deposits} />
    </Panel>
  );
}

export function DepositState({ state }: { state: string }) {
  const { t } = useLingui();
  const known: Record<string, readonly [StatusTone, string]> = {
    credited: ["ok", t`Paid`],
    failed: ["bad", t`Failed`],
    needs_review: ["warn", t`In review`],
  };
  const [tone, word] = known[state] ?? (["wait", t`In progress`] as const);
  return <Status tone={tone}>{word}</Status>;
}
