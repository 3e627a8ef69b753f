import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Wallet } from "lucide-react";
import { SelectField } from "@/design/Field";
import { List } from "@/design/List";
import { SearchField } from "@/design/SearchField";
import { Time } from "@/design/Values";
import { Amount } from "@/parts/Amount";
import { AssetName } from "@/parts/AssetName";
import { usePurposeName } from "./purposeName";
import { ACCOUNT_SORTS, type AccountSearch, allAccountsQuery } from "./queries";

/** Every account, of customers and of the platform. */
export function AccountList({
  search,
  onSearch,
  onOpen,
}: {
  search: Omit<AccountSearch, "sort"> & { sort?: string | undefined };
  onSearch: (changed: AccountSearch) => void;
  onOpen: (id: string) => void;
}) {
  const { t } = useLingui();
  const purposeName = usePurposeName();
  const { owner_kind, owner_id, asset } = search;
  const sort = ACCOUNT_SORTS.find((one) => one === search.sort);
  const accounts = useInfiniteQuery({
    ...allAccountsQuery({ owner_kind, owner_id, asset, sort }),
    placeholderData: (before) => before,
  });
  const sorting = {
    value: sort ?? ACCOUNT_SORTS[0],
    onChange: (value: string) =>
      onSearch({ sort: ACCOUNT_SORTS.find((one) => one === value && one !== ACCOUNT_SORTS[0]) }),
  };
  return (
    <>
      <div className="flex flex-wrap items-end gap-4 border-b border-line p-4">
        <div className="w-full sm:w-44">
          <SelectField
            label={t`Whose`}
            value={owner_kind ?? ""}
            onChange={(event) =>
              onSearch({ owner_kind: (["user", "platform"] as const).find((one) => one === event.target.value) })
            }
            options={[
              { value: "", label: t`All` },
              { value: "user", label: t`Customers` },
              { value: "platform", label: t`The platform` },
            ]}
          />
        </div>
        <div className="w-full sm:w-64">
          <SearchField
            label={t`Owner`}
            placeholder="usr_…"
            value={owner_id ?? ""}
            onChange={(value) => onSearch({ owner_id: value.trim() || undefined })}
          />
        </div>
        <div className="w-full sm:w-64">
          <SearchField
            label={t`Asset`}
            placeholder="USD"
            value={asset ?? ""}
            onChange={(value) => onSearch({ asset: value.trim() || undefined })}
          />
        </div>
        <div className="w-full md:hidden">
          <SelectField
            label={t`Sorted`}
            value={sorting.value}
            onChange={(event) => sorting.onChange(event.target.value)}
            options={[
              { value: "owner", label: t`By owner` },
              { value: "-opened_at", label: t`Newest first` },
              { value: "opened_at", label: t`Oldest first` },
            ]}
          />
        </div>
      </div>
      <List
        query={accounts}
        label={t`Accounts`}
        icon={<Wallet />}
        empty={<Trans>No account matches.</Trans>}
        rowKey={(one) => one.id}
        onOpen={(one) => onOpen(one.id)}
        sorting={sorting}
        columns={[
          {
            key: "owner",
            head: t`Owner`,
            phone: "title",
            sort: "owner",
            cell: (one) => <code>{one.owner_id}</code>,
          },
          { key: "asset", head: t`Asset`, cell: (one) => <AssetName code={one.asset} /> },
          { key: "purpose", head: t`Purpose`, cell: (one) => purposeName(one.purpose) },
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
            phone: "hidden",
            cell: (one) => <Amount kind={one.kind} asset={one.asset} amount={one.held} />,
          },
          {
            key: "opened",
            head: t`Opened`,
            numeric: true,
            phone: "hidden",
            sort: "opened_at",
            cell: (one) => <Time at={one.opened_at} />,
          },
        ]}
      />
    </>
  );
}
