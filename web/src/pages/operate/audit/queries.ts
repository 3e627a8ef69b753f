import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { listOptions, only, PAGE_LIMIT } from "@/api/lists";

export interface AuditSearch {
  subject?: string | undefined;
  topic?: string | undefined;
  user_id?: string | undefined;
}

export const auditQuery = (search: AuditSearch) =>
  listOptions(keys.admin.audit(search), (cursor) =>
    body(api.GET("/api/admin/audit", { params: { query: { limit: PAGE_LIMIT, cursor, ...only(search) } } })),
  );

const VERDICT_GOOD_MS = 10 * 60_000;

/** Every entry is hashed again for this: it is not asked for at each visit of a page and each look at the window. */
export const auditVerdictQuery = queryOptions({
  queryKey: keys.admin.auditVerdict(),
  queryFn: () => body(api.GET("/api/admin/audit/verify")),
  staleTime: VERDICT_GOOD_MS,
  gcTime: VERDICT_GOOD_MS,
});
