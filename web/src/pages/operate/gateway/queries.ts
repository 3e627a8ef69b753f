import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";

const LIVE_MS = 5_000;

export const gatewayQuery = queryOptions({
  queryKey: keys.admin.gateway(),
  queryFn: () => body(api.GET("/api/admin/gateway")),
  refetchInterval: LIVE_MS,
});

export const gatewayRoutesQuery = (q: string) =>
  queryOptions({
    queryKey: keys.admin.gatewayRoutes(q),
    queryFn: async () =>
      (await body(api.GET("/api/admin/gateway/routes", { params: { query: q ? { q } : {} } }))).items,
  });
