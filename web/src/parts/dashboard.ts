import { queryOptions } from "@tanstack/react-query";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";

export type Dashboard = Schema<"DashboardView">;

/** All that the first page shows, in one request. */
export const dashboardQuery = queryOptions({
  queryKey: keys.dashboard(),
  queryFn: () => body(api.GET("/api/dashboard")),
  // What was bought or stopped elsewhere is looked for whenever the page opens; the answer that its address asked for is that one.
  staleTime: 2_000,
});
