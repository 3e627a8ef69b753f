import { createFileRoute } from "@tanstack/react-router";
import { DashboardPage } from "@/pages/dashboard/DashboardPage";
import { dashboardQuery } from "@/parts/dashboard";

export const Route = createFileRoute("/_app/dashboard")({
  // The answer is under way while the script of the page comes. The page itself waits for it and shows what went wrong.
  loader: ({ context }) => void context.queries.prefetchQuery(dashboardQuery),
  component: DashboardPage,
});
