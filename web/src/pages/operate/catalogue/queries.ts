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

export const locationsQuery = queryOptions({
  queryKey: keys.locations(),
  queryFn: async () => (await body(api.GET("/api/catalog/locations"))).items,
});

export const pricePreviewQuery = (asset: string, currency: string, list_price: string) =>
  queryOptions({
    queryKey: keys.admin.preview(asset, `${list_price} ${currency}`),
    queryFn: () => body(api.GET("/api/admin/prices/preview", { params: { query: { asset, currency, list_price } } })),
  });

export const capacityPreviewQuery = (asset: string, quantity: string) =>
  queryOptions({
    queryKey: keys.admin.preview(asset, quantity),
    queryFn: () => body(api.GET("/api/admin/capacity/preview", { params: { query: { asset, quantity } } })),
  });
