import { queryOptions } from "@tanstack/react-query";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { listOptions, PAGE_LIMIT } from "@/api/lists";
import { isZero } from "@/format/decimal";
import { lineQuery, type StatementSearch } from "./statement";

export type Account = Schema<"AccountView">;

export const accountsQuery = queryOptions({
  queryKey: keys.accounts(),
  queryFn: async () => (await body(api.GET("/api/accounts"))).items,
  staleTime: 0, // money that came meanwhile is looked for whenever a page opens
});

/** The account that money is paid from: the one with money on it, else the first. */
export function cashOf(accounts: readonly Account[]): Account | undefined {
  return payingOf(accounts.filter((account) => account.kind === "money"));
}

/** The money that is paid with: where there is some, else the first. */
export function payingOf<Cash extends { balance: string }>(cash: readonly Cash[]): Cash | undefined {
  return cash.find(({ balance }) => !isZero(balance)) ?? cash[0];
}

export const portfolioQuery = queryOptions({
  queryKey: keys.portfolio(),
  queryFn: () => body(api.GET("/api/portfolio")),
});

export const pricesQuery = (asset: string, currency: string) =>
  queryOptions({
    queryKey: keys.prices(asset, currency),
    queryFn: () => body(api.GET("/api/catalog/prices", { params: { query: { asset, currency } } })),
  });

export const ordersQuery = listOptions(keys.orders(), (cursor) =>
  body(api.GET("/api/orders", { params: { query: { cursor, limit: PAGE_LIMIT } } })),
);

export const depositsQuery = listOptions(keys.deposits(), (cursor) =>
  body(api.GET("/api/wallet/deposits", { params: { query: { cursor, limit: PAGE_LIMIT } } })),
);

export const linesQuery = (search: StatementSearch) =>
  listOptions(keys.lines(search), (cursor) =>
    body(api.GET("/api/transactions", { params: { query: { ...lineQuery(search), cursor, limit: PAGE_LIMIT } } })),
  );

const MOST_SESSIONS = 100;

export const recordsQuery = (sessions: readonly string[]) =>
  queryOptions({
    queryKey: keys.recordsOf(sessions),
    queryFn: async () => {
      const query = { session_id: [...new Set(sessions)].slice(0, MOST_SESSIONS), limit: MOST_SESSIONS };
      return (await body(api.GET("/api/usage/records", { params: { query } }))).items;
    },
  });

export const transactionQuery = (id: string) =>
  queryOptions({
    queryKey: keys.transaction(id),
    queryFn: () =>
      body(
        api.GET("/api/transactions/{transaction_id}", {
          params: { path: { transaction_id: id }, query: { prove: true } },
        }),
      ),
  });

export const paymentMethodsQuery = queryOptions({
  queryKey: keys.paymentMethods(),
  queryFn: async () => (await body(api.GET("/api/billing/payment-methods"))).items,
});
