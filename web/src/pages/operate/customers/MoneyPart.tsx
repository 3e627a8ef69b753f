import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ArrowLeft, ScrollText, Wallet } from "lucide-react";
import { useState } from "react";
import type { Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { SelectField } from "@/design/Field";
import { List } from "@/design/List";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { Time } from "@/design/Values";
import { Amount } from "@/parts/Amount";
import { useCodeName } from "@/parts/codeName";
import { TransactionDetails } from "@/parts/TransactionDetails";
import { accountsQuery, linesQuery, transactionQuery } from "./queries";

/** What a customer holds, and every line of their statement down to the transaction. */
export function MoneyPart({ userId }: { userId: string }) {
  const accounts = useQuery(accountsQuery(userId));
  const [shown, setShown] = useState("");
  if (shown) return <OneTransaction id={shown} onBack={() => setShown("")} />;
  return (
    // The accounts say whether a line is of money or of access: there is no line before they are known.
    <Loaded query={accounts}>
      {(all) => (
        <>
          <Panel flush title={<Trans>Accounts</Trans>}>
            <Accounts all={all} />
          </Panel>
          <Lines userId={userId} accounts={all} onOpen={setShown} />
        </>
      )}
    </Loaded>
  );
}

function Accounts({ all }: { all: readonly Schema<"AccountView">[] }) {
  const { t } = useLingui();
  if (all.length === 0) {
    return (
      <EmptyState icon={<Wallet />}>
        <Trans>This customer holds nothing.</Trans>
      </EmptyState>
    );
  }
  return (
    <Table
      label={t`Accounts`}
      rows={all}
      rowKey={(one) => one.id}
      columns={[
        { key: "asset", head: t`Asset`, phone: "title", cell: (one) => one.asset },
        {
          key: "balance",
          head: t`Balance`,
          numeric: true,
          phone: "end",
          cell: (one) => <Amount kind={one.kind} asset={one.asset} amount={one.balance} />,
        },
        {
          key: "held",
          head: t`Reserved`,
          numeric: true,
          cell: (one) => <Amount kind={one.kind} asset={one.asset} amount={one.held} />,
        },
        {
          key: "available",
          head: t`Available`,
          numeric: true,
          cell: (one) => <Amount kind={one.kind} asset={one.asset} amount={one.available} />,
        },
      ]}
    />
  );
}

function Lines({
  userId,
  accounts,
  onOpen,
}: {
  userId: string;
  accounts: readonly Schema<"AccountView">[];
  onOpen: (transactionId: string) => void;
}) {
  const { t } = useLingui();
  const codeName = useCodeName();
  const [asset, setAsset] = useState("");
  const lines = useInfiniteQuery({ ...linesQuery(userId, asset), placeholderData: (before) => before });
  const kinds = new Map(accounts.map((one) => [one.asset, one.kind]));
  return (
    <Panel
      flush
      title={<Trans>Statement</Trans>}
      actions={
        <SelectField
          label={<span className="sr-only">{t`Asset`}</span>}
          value={asset}
          onChange={(event) => setAsset(event.target.value)}
          options={[
            { value: "", label: t`All accounts` },
            ...accounts.map((one) => ({ value: one.asset, label: one.asset })),
          ]}
        />
      }
    >
      <List
        query={lines}
        label={t`Statement`}
        icon={<ScrollText />}
        empty={<Trans>Nothing has moved yet.</Trans>}
        rowKey={(line) => `${line.account_id}${line.transaction_id}${line.direction}${line.balance}`}
        onOpen={(line) => onOpen(line.transaction_id)}
        columns={[
          { key: "what", head: t`What`, phone: "title", cell: (line) => codeName(line.code) },
          { key: "asset", head: t`Asset`, cell: (line) => line.asset },
          { key: "at", head: t`When`, cell: (line) => <Time at={line.at} /> },
          {
            key: "amount",
            head: t`Amount`,
            numeric: true,
            phone: "end",
            cell: (line) => (
              <Amount kind={kinds.get(line.asset)} asset={line.asset} amount={line.amount} sign={line.direction} />
            ),
          },
          {
            key: "balance",
            head: t`Balance`,
            numeric: true,
            phone: "hidden",
            cell: (line) => <Amount kind={kinds.get(line.asset)} asset={line.asset} amount={line.balance} />,
          },
        ]}
      />
    </Panel>
  );
}

function OneTransaction({ id, onBack }: { id: string; onBack: () => void }) {
  const transaction = useQuery(transactionQuery(id));
  return (
    <div className="grid justify-items-start gap-4">
      <Button small kind="quiet" icon={<ArrowLeft className="size-4 rtl:rotate-180" />} onClick={onBack}>
        <Trans>Back to the statement</Trans>
      </Button>
      <div className="w-full">
        <Loaded query={transaction}>{(found) => <TransactionDetails found={found} />}</Loaded>
      </div>
    </div>
  );
}
