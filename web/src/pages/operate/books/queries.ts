import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { listOptions, only, PAGE_LIMIT } from "@/api/lists";

export const ACCOUNT_SORTS = ["owner", "-owner", "-opened_at", "opened_at"] as const;
export const TRANSACTION_SORTS = ["-booked_at", "booked_at"] as const;

export interface AccountSearch {
  owner_kind?: "user" | "platform" | undefined;
  owner_id?: string | undefined;
  asset?: string | undefined;
  sort?: (typeof ACCOUNT_SORTS)[number] | undefined;
}

export interface TransactionSearch {
  code?: string | undefined;
  status?: "applied" | "rejected" | undefined;
  sort?: (typeof TRANSACTION_SORTS)[number] | undefined;
}

export const allAccountsQuery = (search: AccountSearch) =>
  listOptions(keys.admin.allAccounts(search), (cursor) =>
    body(api.GET("/api/admin/ledger/accounts", { params: { query: { limit: PAGE_LIMIT, cursor, ...only(search) } } })),
  );

export const allTransactionsQuery = (search: TransactionSearch) =>
  listOptions(keys.admin.allTransactions(search), (cursor) =>
    body(
      api.GET("/api/admin/ledger/transactions", {
        params: { query: { limit: PAGE_LIMIT, cursor, ...only(search) } },
      }),
    ),
  );

export const statementOfQuery = (id: string) =>
  listOptions(keys.admin.statementOf(id), (cursor) =>
    body(
      api.GET("/api/admin/ledger/accounts/{account_id}/statement", {
        params: { path: { account_id: id }, query: { limit: PAGE_LIMIT, cursor } },
      }),
    ),
  );
