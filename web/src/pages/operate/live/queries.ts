import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { listOptions, only, PAGE_LIMIT } from "@/api/lists";

const LIVE_MS = 5_000;

export interface LiveSearch {
  node?: string | undefined;
  sort?: "-started_at" | "started_at" | undefined;
}

/** What is open now, of all customers. */
export const openConnectionsQuery = (search: LiveSearch) => ({
  ...listOptions(keys.admin.open(search), (cursor) =>
    body(api.GET("/api/admin/connections", { params: { query: { limit: PAGE_LIMIT, cursor, ...only(search) } } })),
  ),
  refetchInterval: LIVE_MS,
});
