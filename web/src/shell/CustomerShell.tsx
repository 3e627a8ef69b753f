import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Money } from "@/design/Values";
import { accountsQuery, cashOf } from "@/pages/billing/queries";
import { CUSTOMER_PLACES } from "./navigation";
import { Shell } from "./Shell";

export function CustomerShell() {
  return <Shell places={CUSTOMER_PLACES} foot={<WalletLink />} />;
}

function WalletLink() {
  const accounts = useQuery(accountsQuery);
  const cash = accounts.data ? cashOf(accounts.data) : undefined;
  return (
    <Link to="/billing" className="rounded-control px-2.5 py-2 transition-colors duration-90 hover:bg-surface">
      <span className="block text-xs text-text-3">
        <Trans>Wallet</Trans>
      </span>
      <span className="block min-h-5 font-semibold">
        {cash && <Money amount={cash.available} currency={cash.asset} />}
      </span>
    </Link>
  );
}
