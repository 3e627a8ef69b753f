import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";

const LIVE_MS = 5_000;
const SLOW_MS = 15_000;
const COUNTED_MS = 60_000;

// Each service counts its own, so the page asks each of them once.
export const salesQuery = queryOptions({
  queryKey: keys.admin.overview("sales"),
  queryFn: () => body(api.GET("/api/admin/overview/sales")),
  refetchInterval: SLOW_MS,
});

export const paymentsQuery = queryOptions({
  queryKey: keys.admin.overview("payments"),
  queryFn: () => body(api.GET("/api/admin/overview/payments")),
  refetchInterval: LIVE_MS,
});

export const customersQuery = queryOptions({
  queryKey: keys.admin.overview("customers"),
  queryFn: () => body(api.GET("/api/admin/overview/customers")),
  staleTime: COUNTED_MS,
  refetchInterval: COUNTED_MS,
});

export const booksQuery = queryOptions({
  queryKey: keys.admin.overview("books"),
  queryFn: () => body(api.GET("/api/admin/overview/books")),
  refetchInterval: SLOW_MS,
});
