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
