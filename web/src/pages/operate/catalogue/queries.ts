import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";

export const productsQuery = queryOptions({
  queryKey: keys.admin.catalog("products"),
  queryFn: async () => (await body(api.GET("/api/admin/catalog/products"))).items,
});

export const plansQuery = queryOptions({
  queryKey: keys.admin.catalog("plans"),
  queryFn: async () => (await body(api.GET("/api/admin/catalog/plans"))).items,
});
