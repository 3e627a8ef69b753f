import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { ScrollText } from "lucide-react";
import { useMemo } from "react";
import type { Schema } from "@/api/client";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { MoreButton } from "@/design/MoreButton";
import { Panel } from "@/design/Panel";
import { Segmented } from "@/design/Segmented";
import { Table } from "@/design/Table";
import { Time } from "@/design/Values";
import { Amount } from "@/parts/Amount";
import { useCodeName } from "@/parts/codeName";
import { type Account, accountsQuery, cashOf, statementQuery } from "./queries";
import { TransactionDrawer } from "./TransactionDrawer";

type Line = Schema<"LineView">;
const route = getRouteApi("/_app/billing/statement");

/** Everything that moved on one account, newest first. Each line opens to its transaction. */
export function StatementPage() {
  const { t } = useLingui();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const accounts = useQuery(accountsQuery);
  return (
    <>
      <Loaded query={accounts}>
        {(all) => {
          const account = all.find((one) => one.id === search.account) ?? cashOf(all) ?? all[0];
          if (!account) {
            return (
              <Panel>
                <EmptyState icon={<ScrollText />}>
                  <Trans>Nothing has moved yet.</Trans>
                </EmptyState>
              </Panel>
            );
          }
          return (
            <Panel
              flush
              title={<Trans>Statement</Trans>}
              actions={
                all.length > 1 && (
                  <Segmented
                    label={t`Account`}
                    value={account.id}
                    onChange={(id) => void navigate({ search: { account: id } })}
                    options={all.map((one) => ({ value: one.id, label: one.asset }))}
                  />
                )
              }
            >
              <Lines
                account={account}
                onOpen={(line) => void navigate({ search: { ...search, transaction: line.transaction_id } })}
              />
            </Panel>
          );
        }}
      </Loaded>
      {search.transaction && (
        <TransactionDrawer
          id={search.transaction}
          onClose={() => void navigate({ search: search.account ? { account: search.account } : {} })}
        />
      )}
    </>
  );
}

function Lines({ account, onOpen }: { account: Account; onOpen: (line: Line) => void }) {
  const { t } = useLingui();
  const lines = useInfiniteQuery(statementQuery(account.id));
  const rows = useMemo(() => lines.data?.pages.flatMap((page) => page.items) ?? [], [lines.data]);
  const codeName = useCodeName();
  return (
    <>
      <Loaded query={lines}>
        {() =>
          rows.length === 0 ? (
            <EmptyState icon={<ScrollText />}>
              <Trans>Nothing has moved on this account yet.</Trans>
            </EmptyState>
          ) : (
            <Table
              label={t`Statement`}
              rows={rows}
              rowKey={(line) => `${line.transaction_id}${line.kind}${line.direction}${line.balance}`}
              onOpen={onOpen}
              columns={[
                {
                  key: "what",
                  head: t`What`,
                  phone: "title",
                  cell: (line) => codeName(line.code),
                },
                { key: "at", head: t`When`, cell: (line) => <Time at={line.at} /> },
                { key: "kind", head: t`Step`, phone: "hidden", cell: (line) => line.kind.replaceAll("_", " ") },
                {
                  key: "amount",
                  head: t`Amount`,
                  numeric: true,
                  phone: "end",
                  cell: (line) => (
                    <span className={line.direction === "in" ? "text-ok" : ""}>
                      <Amount kind={account.kind} asset={line.asset} amount={line.amount} sign={line.direction} />
                    </span>
                  ),
                },
                {
                  key: "balance",
                  head: t`Balance`,
                  numeric: true,
                  phone: "end",
                  cell: (line) => (
                    <span className="text-text-3">
                      <Amount kind={account.kind} asset={line.asset} amount={line.balance} />
                    </span>
                  ),
                },
              ]}
            />
          )
        }
      </Loaded>
      <MoreButton query={lines} />
    </>
  );
}
