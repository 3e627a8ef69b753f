import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, useMatchRoute } from "@tanstack/react-router";
import { useFollowUsage } from "@/api/live";
import { Money } from "@/design/Values";
import { accountsQuery, cashOf, payingOf } from "@/pages/billing/queries";
import { dashboardQuery } from "@/parts/dashboard";
import { CUSTOMER_PLACES } from "./navigation";
import { Shell } from "./Shell";

export function CustomerShell() {
  useFollowUsage();
  return <Shell places={CUSTOMER_PLACES} foot={<WalletLink />} />;
}

function WalletLink() {
  const cash = useCash();
  return (
    <Link to="/billing" className="rounded-control px-2.5 py-2 transition-colors duration-90 hover:bg-surface">
      <span className="block text-xs text-text-3">
        <Trans>Wallet</Trans>
      </span>
      <span className="block min-h-5 font-semibold">
        {cash && <Money amount={cash.available} currency={cash.currency} />}
      </span>
    </Link>
  );
}

/** The money that is paid with. The dashboard has asked for it already. */
function useCash(): { available: string; currency: string } | undefined {
  const onDashboard = Boolean(useMatchRoute()({ to: "/dashboard" }));
  const dashboard = useQuery({ ...dashboardQuery, enabled: onDashboard });
  const accounts = useQuery({ ...accountsQuery, enabled: !onDashboard });
  if (onDashboard) return payingOf(dashboard.data?.cash ?? []);
  const account = cashOf(accounts.data ?? []);
  return account && { available: account.available, currency: account.asset };
}
