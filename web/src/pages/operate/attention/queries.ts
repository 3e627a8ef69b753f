import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";

const LIVE_MS = 5_000;

export const reviewsQuery = queryOptions({
  queryKey: keys.admin.deposits("needs_review"),
  queryFn: () => body(api.GET("/api/admin/deposits", { params: { query: { limit: 50 } } })),
  refetchInterval: LIVE_MS,
});
