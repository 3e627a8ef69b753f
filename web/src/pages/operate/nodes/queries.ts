import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";

const LIVE_MS = 5_000;

export const nodesQuery = queryOptions({
  queryKey: keys.admin.nodes(),
  queryFn: async () => (await body(api.GET("/api/admin/nodes"))).items,
  refetchInterval: LIVE_MS,
});
