import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import type { Schema } from "@/api/client";
import { SelectField } from "@/design/Field";
import { List } from "@/design/List";
import { Status } from "@/design/Status";
import { Time } from "@/design/Values";
import { Amount } from "@/parts/Amount";
import { CODE_NAMES, useCodeName } from "@/parts/codeName";
import { allTransactionsQuery, TRANSACTION_SORTS, type TransactionSearch } from "./queries";

type Found = Schema<"BooksTransaction">;

/** Every transaction, in the order in which they were booked. */
export function TransactionList({
  search,
  onSearch,
  onOpen,
}: {
  search: Omit<TransactionSearch, "sort"> & { sort?: string | undefined };
  onSearch: (changed: TransactionSearch) => void;
  onOpen: (id: string) => void;
}) {
  const { t } = useLingui();
  const codeName = useCodeName();
  const { code, status } = search;
  const sort = TRANSACTION_SORTS.find((one) => one === search.sort);
  const transactions = useInfiniteQuery({
    ...allTransactionsQuery({ code, status, sort }),
    placeholderData: (before) => before,
  });
  const sorting = {
    value: sort ?? TRANSACTION_SORTS[0],
    onChange: (value: string) =>
      onSearch({ sort: TRANSACTION_SORTS.find((one) => one === value && one !== TRANSACTION_SORTS[0]) }),
  };
  return (
    <>
      <div className="flex flex-wrap gap-4 border-b border-line p-4">
        <div className="w-full sm:w-56">
          <SelectField
            label={t`Kind`}
            value={code ?? ""}
            onChange={(event) => onSearch({ code: event.target.value || undefined })}
            options={[
              { value: "", label: t`All` },
              ...Object.keys(CODE_NAMES).map((one) => ({ value: one, label: codeName(one) })),
            ]}
          />
        </div>
        <div className="w-full sm:w-48">
          <SelectField
            label={t`State`}
            value={status ?? ""}
            onChange={(event) =>
              onSearch({ status: (["applied", "rejected"] as const).find((one) => one === event.target.value) })
            }
            options={[
              { value: "", label: t`All` },
              { value: "applied", label: t`Booked` },
              { value: "rejected", label: t`Refused` },
            ]}
          />
        </div>
        <div className="w-full md:hidden">
          <SelectField
            label={t`Sorted`}
            value={sorting.value}
            onChange={(event) => sorting.onChange(event.target.value)}
            options={[
              { value: "-booked_at", label: t`Newest first` },
              { value: "booked_at", label: t`Oldest first` },
            ]}
          />
        </div>
      </div>
      <List
        query={transactions}
        label={t`Transactions`}
        icon={<ScrollText />}
        empty={
          transactions.hasNextPage ? (
            <Trans>None among the transactions that were looked at. Look at more of them.</Trans>
          ) : (
            <Trans>No transaction matches.</Trans>
          )
        }
        rowKey={(one) => one.id}
        onOpen={(one) => onOpen(one.id)}
        sorting={sorting}
        columns={[
          { key: "what", head: t`What`, phone: "title", cell: (one) => codeName(one.code) },
          { key: "moved", head: t`Moved`, phone: "end", cell: (one) => <Moved found={one} /> },
          { key: "actor", head: t`Who`, phone: "hidden", cell: (one) => <code>{one.actor}</code> },
          {
            key: "state",
            head: t`State`,
            phone: "end",
            cell: (one) =>
              one.status === "applied" ? (
                <Status tone="ok">{t`Booked`}</Status>
              ) : (
                <span title={one.reason}>
                  <Status tone="bad">{t`Refused`}</Status>
                </span>
              ),
          },
          { key: "at", head: t`When`, numeric: true, sort: "booked_at", cell: (one) => <Time at={one.booked_at} /> },
        ]}
      />
    </>
  );
}

function Moved({ found }: { found: Found }) {
  if (found.moved.length === 0) return "–";
  return (
    <span className="inline-flex flex-wrap gap-x-3">
      {found.moved.map((one) => (
        <Amount key={one.asset} kind={one.kind} asset={one.asset} amount={one.amount} />
      ))}
    </span>
  );
}
