import { queryOptions } from "@tanstack/react-query";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { listOptions, only, PAGE_LIMIT } from "@/api/lists";

export const USER_SORTS = ["-created_at", "created_at", "email", "-email", "state", "-state"] as const;

export interface UserSearch {
  q?: string | undefined;
  sort?: (typeof USER_SORTS)[number] | undefined;
  state?: "active" | "suspended" | "deleting" | "deleted" | undefined;
}

export const usersQuery = (search: UserSearch) =>
  listOptions(keys.admin.users(search), (cursor) =>
    body(api.GET("/api/admin/users", { params: { query: { limit: PAGE_LIMIT, cursor, ...only(search) } } })),
  );

export const userQuery = (id: string) =>
  queryOptions({
    queryKey: keys.admin.user(id),
    queryFn: () => body(api.GET("/api/admin/users/{user_id}", { params: { path: { user_id: id } } })),
  });

export const accountsQuery = (id: string) =>
  queryOptions({
    queryKey: keys.admin.accounts(id),
    queryFn: async () =>
      (await body(api.GET("/api/admin/users/{user_id}/accounts", { params: { path: { user_id: id } } }))).items,
  });

export const linesQuery = (id: string, asset: string) =>
  listOptions(keys.admin.lines(id, asset), (cursor) =>
    body(
      api.GET("/api/admin/users/{user_id}/transactions", {
        params: { path: { user_id: id }, query: { limit: PAGE_LIMIT, cursor, ...only({ asset }) } },
      }),
    ),
  );

export const transactionQuery = (id: string) =>
  queryOptions({
    queryKey: keys.admin.transaction(id),
    queryFn: () =>
      body(
        api.GET("/api/admin/transactions/{transaction_id}", {
          params: { path: { transaction_id: id }, query: { prove: true } },
        }),
      ),
  });

export interface OrderSearch {
  user_id: string;
  state?: Schema<"OrderState"> | undefined;
  sort?: "-created_at" | "created_at" | undefined;
}

export const ordersQuery = (search: OrderSearch) =>
  listOptions(keys.admin.orders(search), (cursor) =>
    body(api.GET("/api/admin/orders", { params: { query: { limit: PAGE_LIMIT, cursor, ...only(search) } } })),
  );

export const orderQuery = (id: string) =>
  queryOptions({
    queryKey: keys.admin.order(id),
    queryFn: () => body(api.GET("/api/admin/orders/{order_id}", { params: { path: { order_id: id } } })),
  });

export const usageQuery = (id: string) =>
  queryOptions({
    queryKey: keys.admin.usage(id),
    queryFn: () => body(api.GET("/api/admin/users/{user_id}/usage", { params: { path: { user_id: id } } })),
  });

export const resourcesQuery = (id: string) =>
  queryOptions({
    queryKey: keys.admin.resources(id),
    queryFn: async () =>
      (await body(api.GET("/api/admin/users/{user_id}/resources", { params: { path: { user_id: id } } }))).items,
  });

const LIVE_MS = 5_000;

export const connectionsQuery = (id: string, state: "open" | "closed" | undefined) => ({
  ...listOptions(keys.admin.connections(id, { state }), (cursor) =>
    body(
      api.GET("/api/admin/users/{user_id}/connections", {
        params: { path: { user_id: id }, query: { limit: PAGE_LIMIT, cursor, ...only({ state }) } },
      }),
    ),
  ),
  refetchInterval: LIVE_MS,
});

const ofUser = (id: string, cursor: string) => ({ user_id: id, limit: PAGE_LIMIT, cursor });

export const depositsQuery = (id: string) =>
  listOptions(keys.admin.depositsOf(id), (cursor) =>
    body(api.GET("/api/admin/deposits", { params: { query: ofUser(id, cursor) } })),
  );

export const debtsQuery = (id: string) =>
  listOptions(keys.admin.debtsOf(id), (cursor) =>
    body(api.GET("/api/admin/debts", { params: { query: ofUser(id, cursor) } })),
  );

export const correctionsQuery = (id: string) =>
  listOptions(keys.admin.corrections(id), (cursor) =>
    body(api.GET("/api/admin/corrections", { params: { query: ofUser(id, cursor) } })),
  );

export const sessionsQuery = (id: string) =>
  listOptions(keys.admin.sessions(id), (cursor) =>
    body(
      api.GET("/api/admin/users/{user_id}/sessions", {
        params: { path: { user_id: id }, query: { limit: PAGE_LIMIT, cursor } },
      }),
    ),
  );

export const notesQuery = (id: string) =>
  listOptions(keys.admin.notes(id), (cursor) =>
    body(
      api.GET("/api/admin/users/{user_id}/notes", {
        params: { path: { user_id: id }, query: { limit: PAGE_LIMIT, cursor } },
      }),
    ),
  );

export const messagesQuery = (id: string, state: Schema<"MessageView">["state"] | undefined) =>
  listOptions(keys.admin.messages(id, { state }), (cursor) =>
    body(
      api.GET("/api/admin/users/{user_id}/messages", {
        params: { path: { user_id: id }, query: { limit: PAGE_LIMIT, cursor, ...only({ state }) } },
      }),
    ),
  );
