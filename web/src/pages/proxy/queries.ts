import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";

export type Connected = Schema<"Connected">;

export const proxyStatusQuery = queryOptions({
  queryKey: keys.proxyStatus(),
  queryFn: () => body(api.GET("/api/proxy/status")),
});

export const proxyConfigQuery = queryOptions({
  queryKey: keys.proxyConfig(),
  queryFn: () => body(api.GET("/api/proxy/config")),
});

export const usageQuery = queryOptions({
  queryKey: keys.usage(),
  queryFn: () => body(api.GET("/api/usage/stats")),
});

export interface ConnectionSearch {
  state?: "open" | "closed" | undefined;
}

export const connectionsQuery = (search: ConnectionSearch, limit = 50) =>
  infiniteQueryOptions({
    queryKey: keys.connections({ ...search, limit }),
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/access/connections", {
          params: { query: { limit, cursor: pageParam, ...(search.state ? { state: search.state } : {}) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor || undefined,
  });
