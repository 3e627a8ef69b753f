import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { buttonClass } from "@/design/Button";
import { Status } from "@/design/Status";
import { Bytes, Money, Time } from "@/design/Values";
import { payingOf } from "@/pages/billing/queries";
import type { Dashboard } from "@/parts/dashboard";

/** One sentence of state: whether clients can connect, what is left, and what to do when they cannot. */
export function StateLine({ dashboard, open }: { dashboard: Dashboard; open: number }) {
  const cash = payingOf(dashboard.cash ?? []);
  return (
    <div className="flex flex-wrap items-center justify-between gap-4">
      <div className="grid gap-1">
        <h1 className="flex flex-wrap items-center gap-x-3 gap-y-1 text-lg font-semibold tracking-tight">
          <StateWord dashboard={dashboard} />
          <Left dashboard={dashboard} />
        </h1>
        <p className="flex flex-wrap gap-x-3 text-text-2">
          <Why reason={dashboard.reason} />
          <Expiry dashboard={dashboard} />
          <span>
            {open === 0 ? (
              <Trans>No connection is open.</Trans>
            ) : (
              <Plural value={open} one="# connection is open." other="# connections are open." />
            )}
          </span>
        </p>
      </div>
      <div className="flex items-center gap-3">
        {cash && (
          <span className="text-text-2">
            <Trans>
              Wallet <Money amount={cash.available} currency={cash.currency} />
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

function StateWord({ dashboard: { state, reason } }: { dashboard: Dashboard }) {
  const { t } = useLingui();
  if (state === "working") return <Status tone="ok">{t`Working`}</Status>;
  if (state === "suspended") return <Status tone="bad">{t`Suspended`}</Status>;
  if (state === "unknown") return <Status tone="off">{t`Not known now`}</Status>;
  if (reason === "no_node") return <Status tone="bad">{t`No proxy is up`}</Status>;
  if (reason === "no_data") return <Status tone="warn">{t`No data left`}</Status>;
  return <Status tone="warn">{t`Not connected`}</Status>;
}

/** What is left in bytes, over all assets that are counted in them. */
function Left({ dashboard: { allowances } }: { dashboard: Dashboard }) {
  if (allowances === null) return null;
  const left = allowances
    .filter(({ unit }) => unit === "byte")
    .reduce((sum, allowance) => sum + BigInt(allowance.left), 0n);
  return (
    <span>
      <Trans>
        <Bytes count={left} /> left
      </Trans>
    </span>
  );
}

function Why({ reason }: { reason: Dashboard["reason"] }) {
  if (reason === null) return null;
  return <span>{REASONS[reason]}</span>;
}

const REASONS: Record<NonNullable<Dashboard["reason"]>, ReactNode> = {
  account_suspended: <Trans>Your account is suspended. Write to the operator.</Trans>,
  access_suspended: <Trans>The operator has suspended your access. Write to the operator.</Trans>,
  no_data: (
    <Link to="/billing/catalogue" className="text-accent hover:underline">
      <Trans>Buy data to connect.</Trans>
    </Link>
  ),
  no_access: <Trans>Press Connect to get a user name and a password.</Trans>,
  disconnected: <Trans>Your access is stopped. Press Connect to use it again.</Trans>,
  access_used_up: <Trans>Nothing is left of what your access draws on. Press Connect to use what you hold.</Trans>,
  no_node: <Trans>Try again soon.</Trans>,
  balance_unknown: <Trans>What is left cannot be read now. Your clients go on with what they have.</Trans>,
};

/** What expires first; nothing when nothing does. */
function Expiry({ dashboard: { allowances } }: { dashboard: Dashboard }) {
  const first = (allowances ?? [])
    .filter(({ unit, expires_at }) => unit === "byte" && expires_at !== null)
    .sort((one, other) => Date.parse(one.expires_at ?? "") - Date.parse(other.expires_at ?? ""))[0];
  if (!first?.expires_at) return null;
  return (
    <span>
      <Trans>
        <Bytes count={first.expiring} /> of it can be used until <Time at={first.expires_at} />.
      </Trans>
    </span>
  );
}
