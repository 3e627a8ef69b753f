import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { isZero } from "@/format/decimal";

export type Account = Schema<"AccountView">;

export const accountsQuery = queryOptions({
  queryKey: keys.accounts(),
  queryFn: async () => (await body(api.GET("/api/accounts"))).items,
  staleTime: 0, // money that came meanwhile is looked for whenever a page opens
});

/** The account that money is paid from: the one with money on it, else the first. */
export function cashOf(accounts: readonly Account[]): Account | undefined {
  const cash = accounts.filter((account) => account.kind === "money");
  return cash.find((account) => !isZero(account.balance)) ?? cash[0];
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

export const ordersQuery = infiniteQueryOptions({
  queryKey: keys.orders(),
  initialPageParam: "",
  queryFn: ({ pageParam }) => body(api.GET("/api/orders", { params: { query: { cursor: pageParam, limit: 50 } } })),
  getNextPageParam: (page) => page.next_cursor || undefined,
});

export const depositsQuery = infiniteQueryOptions({
  queryKey: keys.deposits(),
  initialPageParam: "",
  queryFn: ({ pageParam }) =>
    body(api.GET("/api/wallet/deposits", { params: { query: { cursor: pageParam, limit: 50 } } })),
  getNextPageParam: (page) => page.next_cursor || undefined,
});

export const statementQuery = (accountId: string) =>
  infiniteQueryOptions({
    queryKey: keys.statement(accountId),
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/accounts/{account_id}/statement", {
          params: { path: { account_id: accountId }, query: { cursor: pageParam, limit: 50 } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor || undefined,
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
