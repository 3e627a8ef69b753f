import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Download, ScrollText } from "lucide-react";
import type { Schema } from "@/api/client";
import { Button, buttonClass } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { SelectField, TextField } from "@/design/Field";
import { List } from "@/design/List";
import { Panel } from "@/design/Panel";
import { SearchField } from "@/design/SearchField";
import { Time } from "@/design/Values";
import { Amount, kindOf } from "@/parts/Amount";
import { AssetName } from "@/parts/AssetName";
import { STATEMENT_CODES, useCodeName } from "@/parts/codeName";
import { accountsQuery, linesQuery } from "./queries";
import { isFiltered, lineQuery, type StatementSearch } from "./statement";
import { TransactionDrawer } from "./TransactionDrawer";

type Line = Schema<"LineView">;
const route = getRouteApi("/_app/billing/statement");

/** Everything that moved on your accounts, newest first. Each line opens to its transaction and what was used. */
export function StatementPage() {
  const { t } = useLingui();
  const { transaction, ...search } = route.useSearch();
  const navigate = route.useNavigate();
  const lines = useInfiniteQuery({ ...linesQuery(search), placeholderData: keepPreviousData });
  const codeName = useCodeName();
  return (
    <>
      <Filters search={search} />
      <Panel
        flush
        title={<Trans>Statement</Trans>}
        actions={
          <a
            className={buttonClass("plain", true)}
            download
            href={`/api/transactions/export?${new URLSearchParams({ format: "csv", ...lineQuery(search) })}`}
          >
            <Download className="size-4" aria-hidden="true" />
            <Trans>CSV</Trans>
          </a>
        }
      >
        <List<Line>
          query={lines}
          label={t`Statement`}
          rowKey={(line) => `${line.transaction_id}${line.account_id}${line.kind}${line.direction}${line.balance}`}
          onOpen={(line) => void navigate({ search: { ...search, transaction: line.transaction_id } })}
          nothing={<Nothing filtered={isFiltered(search)} />}
          columns={[
            { key: "what", head: t`What`, phone: "title", cell: (line) => codeName(line.code) },
            { key: "asset", head: t`Product`, plain: true, cell: (line) => <AssetName code={line.asset} /> },
            { key: "at", head: t`When`, cell: (line) => <Time at={line.at} /> },
            { key: "note", head: t`Note`, phone: "hidden", cell: (line) => line.meta.note ?? line.meta.reason ?? "" },
            {
              key: "amount",
              head: t`Amount`,
              numeric: true,
              plain: true, // its sign says so
              phone: "end",
              cell: (line) => (
                <span className={line.direction === "in" ? "text-ok" : ""}>
                  <Amount kind={kindOf(line.asset)} asset={line.asset} amount={line.amount} sign={line.direction} />
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
                  <Amount kind={kindOf(line.asset)} asset={line.asset} amount={line.balance} />
                </span>
              ),
            },
          ]}
        />
      </Panel>
      {transaction && (
        // Replaced, so that Back leaves the page and does not open what was closed.
        <TransactionDrawer id={transaction} onClose={() => void navigate({ search, replace: true })} />
      )}
    </>
  );
}

function Filters({ search }: { search: StatementSearch }) {
  const { t } = useLingui();
  const navigate = route.useNavigate();
  const accounts = useQuery(accountsQuery);
  const codeName = useCodeName();
  const choose = (change: StatementSearch) => void navigate({ search: { ...search, ...change } });
  return (
    <search className="grid grid-cols-2 items-end gap-3 md:grid-cols-[minmax(0,1.4fr)_repeat(4,minmax(0,1fr))]">
      <div className="col-span-2 md:col-span-1">
        <SearchField
          label={t`Search`}
          placeholder={t`Note or id`}
          maxLength={100}
          value={search.q ?? ""}
          onChange={(q) => void navigate({ search: { ...search, q: q || undefined }, replace: true })}
        />
      </div>
      <SelectField
        label={t`What`}
        value={search.code ?? ""}
        onChange={(event) => choose({ code: event.target.value || undefined })}
        options={[
          { value: "", label: t`Everything` },
          ...STATEMENT_CODES.map((code) => ({ value: code, label: codeName(code) })),
        ]}
      />
      <SelectField
        label={t`Product`}
        value={search.asset ?? ""}
        onChange={(event) => choose({ asset: event.target.value || undefined })}
        options={[
          { value: "", label: t`All` },
          ...(accounts.data ?? []).map(({ asset }) => ({ value: asset, label: asset })),
        ]}
      />
      <TextField
        label={t`From`}
        type="date"
        max={search.until}
        value={search.since ?? ""}
        onChange={(event) => choose({ since: event.target.value || undefined })}
      />
      <TextField
        label={t`To`}
        type="date"
        min={search.since}
        value={search.until ?? ""}
        onChange={(event) => choose({ until: event.target.value || undefined })}
      />
    </search>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  const navigate = route.useNavigate();
  if (filtered) {
    return (
      <EmptyState
        icon={<ScrollText />}
        action={
          <Button onClick={() => void navigate({ search: {} })}>
            <Trans>Clear the filters</Trans>
          </Button>
        }
      >
        <Trans>No line matches these filters.</Trans>
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={<ScrollText />}
      action={
        <Link to="/billing" className={buttonClass("primary")}>
          <Trans>Top up the wallet</Trans>
        </Link>
      }
    >
      <Trans>Nothing has moved yet. It begins with the first payment.</Trans>
    </EmptyState>
  );
}
