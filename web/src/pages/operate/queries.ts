import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";

const LIVE_MS = 5_000;

export interface UserSearch {
  email?: string | undefined;
  state?: "active" | "suspended" | undefined;
}

export const usersQuery = (search: UserSearch) =>
  infiniteQueryOptions({
    queryKey: keys.admin.users(search),
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/admin/users", {
          params: {
            query: {
              limit: 50,
              cursor: pageParam,
              ...(search.email ? { email: search.email } : {}),
              ...(search.state ? { state: search.state } : {}),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor || undefined,
  });

export const userQuery = (id: string) =>
  queryOptions({
    queryKey: keys.admin.user(id),
    queryFn: () => body(api.GET("/api/admin/users/{user_id}", { params: { path: { user_id: id } } })),
  });

export const reviewsQuery = queryOptions({
  queryKey: keys.admin.deposits("needs_review"),
  queryFn: () => body(api.GET("/api/admin/deposits", { params: { query: { limit: 50 } } })),
  refetchInterval: LIVE_MS,
});

export const nodesQuery = queryOptions({
  queryKey: keys.admin.nodes(),
  queryFn: async () => (await body(api.GET("/api/admin/nodes"))).items,
  refetchInterval: LIVE_MS,
});

export const keysQuery = queryOptions({
  queryKey: keys.admin.keys(),
  queryFn: async () => (await body(api.GET("/api/admin/keys"))).items,
});

export interface AuditSearch {
  subject?: string | undefined;
  topic?: string | undefined;
}

export const auditQuery = (search: AuditSearch) =>
  infiniteQueryOptions({
    queryKey: keys.admin.audit(search),
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/admin/audit", {
          params: {
            query: {
              limit: 50,
              cursor: pageParam,
              ...(search.subject ? { subject: search.subject } : {}),
              ...(search.topic ? { topic: search.topic } : {}),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor || undefined,
  });

export const auditVerdictQuery = queryOptions({
  queryKey: keys.admin.auditVerdict(),
  queryFn: () => body(api.GET("/api/admin/audit/verify")),
});
