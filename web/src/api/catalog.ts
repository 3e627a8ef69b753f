import { queryOptions } from "@tanstack/react-query";
import { api, body } from "./client";
import { keys } from "./keys";

/** Where traffic can leave. */
export const locationsQuery = queryOptions({
  queryKey: keys.locations(),
  queryFn: async () => (await body(api.GET("/api/catalog/locations"))).items,
});

/** What is on sale, with prices in a currency; empty: the platform's own. */
export const assetsQuery = (currency: string) =>
  queryOptions({
    queryKey: keys.assets(currency),
    queryFn: async () =>
      (await body(api.GET("/api/catalog/assets", { params: { query: currency ? { currency } : {} } }))).items,
  });
