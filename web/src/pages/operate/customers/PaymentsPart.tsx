import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Banknote, HandCoins, Scale } from "lucide-react";
import { useState } from "react";
import type { Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { List } from "@/design/List";
import { Panel } from "@/design/Panel";
import { Status, type StatusTone } from "@/design/Status";
import { Money, Time } from "@/design/Values";
import { isZero } from "@/format/decimal";
import { Allowed, useMay } from "@/parts/Allowed";
import { useProviderName } from "@/parts/providerName";
import { CorrectionDialog } from "./CorrectionDialog";
import { correctionsQuery, debtsQuery, depositsQuery } from "./queries";
import { RefundDialog } from "./RefundDialog";

type Deposit = Schema<"ReviewedView">;

/** What a customer paid in and owes, and what operators corrected; crediting, taking and refunding. */
export function PaymentsPart({ userId, email }: { userId: string; email: string }) {
  const { t } = useLingui();
  const providerName = useProviderName();
  const deposits = useInfiniteQuery(depositsQuery(userId));
  const debts = useInfiniteQuery(debtsQuery(userId));
  const corrections = useInfiniteQuery(correctionsQuery(userId));
  const may = useMay();
  const [correcting, setCorrecting] = useState(false);
  const [refunding, setRefunding] = useState<Deposit | null>(null);
  const owes = debts.data?.pages.some((page) => page.items.length > 0);
  return (
    <>
      <Panel flush title={<Trans>Deposits</Trans>}>
        <List
          query={deposits}
          label={t`Deposits`}
          icon={<Banknote />}
          empty={<Trans>Nothing was paid in yet.</Trans>}
          rowKey={(one) => one.id}
          columns={[
            { key: "at", head: t`When`, cell: (one) => <Time at={one.created_at} /> },
            {
              key: "amount",
              head: t`Amount`,
              numeric: true,
              phone: "title",
              cell: (one) => <Money amount={one.amount} currency={one.currency} />,
            },
            {
              key: "back",
              head: t`Went back`,
              numeric: true,
              phone: "hidden",
              cell: (one) =>
                isZero(one.refunded) && isZero(one.disputed) ? (
                  "–"
                ) : (
                  <>
                    <Money amount={one.refunded} currency={one.currency} />
                    {!isZero(one.disputed) && (
                      <>
                        {" + "}
                        <Money amount={one.disputed} currency={one.currency} />
                      </>
                    )}
                  </>
                ),
            },
            { key: "provider", head: t`Provider`, phone: "hidden", cell: (one) => providerName(one.provider) },
            { key: "state", head: t`State`, phone: "end", cell: (one) => <DepositState deposit={one} /> },
            {
              key: "refund",
              head: "",
              numeric: true,
              phone: "end",
              cell: (one) =>
                may("corrections:manage") &&
                one.state === "credited" && (
                  <Button small kind="quiet" onClick={() => setRefunding(one)}>
                    <Trans>Refund</Trans>
                  </Button>
                ),
            },
          ]}
        />
      </Panel>
      {owes && (
        <Panel flush title={<Trans>Owed</Trans>}>
          <List
            query={debts}
            label={t`Owed`}
            icon={<Scale />}
            empty={null}
            rowKey={(one) => one.id}
            columns={[
              { key: "at", head: t`Since`, phone: "title", cell: (one) => <Time at={one.created_at} /> },
              {
                key: "owed",
                head: t`Owed`,
                numeric: true,
                phone: "end",
                cell: (one) => <Money amount={one.owed} currency={one.currency} />,
              },
            ]}
          />
        </Panel>
      )}
      <Panel
        flush
        title={<Trans>Corrections</Trans>}
        actions={
          <Allowed to="corrections:manage">
            <Button small onClick={() => setCorrecting(true)}>
              <Trans>Correct the wallet</Trans>
            </Button>
          </Allowed>
        }
      >
        <List
          query={corrections}
          label={t`Corrections`}
          icon={<HandCoins />}
          empty={<Trans>Nothing was corrected.</Trans>}
          rowKey={(one) => one.id}
          columns={[
            { key: "at", head: t`When`, cell: (one) => <Time at={one.created_at} /> },
            {
              key: "amount",
              head: t`Amount`,
              numeric: true,
              phone: "end",
              cell: (one) => (
                <Money
                  amount={one.direction === "debit" ? `-${one.amount}` : one.amount}
                  currency={one.currency}
                  sign
                />
              ),
            },
            { key: "reason", head: t`Why`, phone: "title", cell: (one) => one.reason },
            { key: "by", head: t`Who`, phone: "hidden", cell: (one) => <code>{one.requested_by}</code> },
            {
              key: "state",
              head: t`State`,
              phone: "end",
              cell: (one) =>
                one.state === "posted" ? (
                  <Status tone="ok">{t`Booked`}</Status>
                ) : one.refusal ? (
                  <span title={one.refusal}>
                    <Status tone="bad">{t`Refused`}</Status>
                  </span>
                ) : (
                  <Status tone="wait">{t`In progress`}</Status>
                ),
            },
          ]}
        />
      </Panel>
      {correcting && <CorrectionDialog userId={userId} email={email} onClose={() => setCorrecting(false)} />}
      {refunding && <RefundDialog deposit={refunding} email={email} onClose={() => setRefunding(null)} />}
    </>
  );
}

function DepositState({ deposit }: { deposit: Deposit }) {
  const { t } = useLingui();
  const known: Record<string, readonly [StatusTone, string]> = {
    credited: ["ok", t`Credited`],
    failed: ["bad", t`Failed`],
    needs_review: ["warn", t`In review`],
  };
  const [tone, word] = known[deposit.state] ?? (["wait", t`In progress`] as const);
  return (
    <span title={deposit.reason ?? undefined}>
      <Status tone={tone}>{word}</Status>
    </span>
  );
}
