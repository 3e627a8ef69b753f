import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";

export const keysQuery = queryOptions({
  queryKey: keys.admin.keys(),
  queryFn: async () => (await body(api.GET("/api/admin/keys"))).items,
});
