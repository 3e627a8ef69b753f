import { queryOptions } from "@tanstack/react-query";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { listOptions, only } from "@/api/lists";

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

/** Which connections are shown, as the address has it. `target` is a part of a target's name. */
export interface ConnectionSearch {
  state?: "open" | "closed" | undefined;
  target?: string | undefined;
  protocol?: string | undefined;
}

const LIMIT = 50;

export const connectionsQuery = (search: ConnectionSearch) =>
  listOptions(keys.connections(search), (cursor) =>
    body(api.GET("/api/access/connections", { params: { query: { limit: LIMIT, cursor, ...only(search) } } })),
  );
