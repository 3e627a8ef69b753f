import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check } from "lucide-react";
import type { ReactNode } from "react";
import { Panel } from "@/design/Panel";
import { isZero } from "@/format/decimal";
import { accountsQuery, cashOf, portfolioQuery } from "@/pages/billing/queries";

/** The way to the first byte: top up, buy, connect. It goes when the first byte went through. */
export function FirstSteps({ used }: { used: boolean }) {
  const accounts = useQuery(accountsQuery);
  const portfolio = useQuery(portfolioQuery);
  if (used || !accounts.data || !portfolio.data) return null;
  const cash = cashOf(accounts.data);
  const holds = portfolio.data.holdings.length > 0;
  const paid = holds || (cash !== undefined && !isZero(cash.balance));
  return (
    <Panel title={<Trans>Three steps to your first connection</Trans>}>
      <ol className="grid gap-4 md:grid-cols-3">
        <Step number={1} done={paid} name={<Trans>Top up the wallet</Trans>}>
          <Link to="/billing" className="text-accent hover:underline">
            <Trans>Pay by card</Trans>
          </Link>
        </Step>
        <Step number={2} done={holds} name={<Trans>Buy data</Trans>}>
          <Link to="/billing/catalogue" className="text-accent hover:underline">
            <Trans>See the catalogue</Trans>
          </Link>
        </Step>
        <Step number={3} done={false} name={<Trans>Connect</Trans>}>
          <Trans>Press Connect below and run the snippet.</Trans>
        </Step>
      </ol>
    </Panel>
  );
}

function Step({
  number,
  done,
  name,
  children,
}: {
  number: number;
  done: boolean;
  name: ReactNode;
  children: ReactNode;
}) {
  return (
    <li className="flex gap-3">
      <span
        className={`grid size-6 shrink-0 place-items-center rounded-full text-xs font-semibold ${done ? "bg-ok-soft text-ok" : "bg-accent-soft text-accent"}`}
      >
        {done ? <Check className="size-3.5" /> : number}
      </span>
      <span>
        <span className={`block font-medium ${done ? "text-text-3 line-through" : ""}`}>{name}</span>
        {!done && <span className="text-text-2">{children}</span>}
      </span>
    </li>
  );
}
