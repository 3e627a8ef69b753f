import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { AnalyticsPage } from "@/pages/analytics/AnalyticsPage";
import { PERIODS, SPLITS } from "@/pages/analytics/period";

export const Route = createFileRoute("/_app/analytics")({
  validateSearch: z.object({
    period: z.catch(z._default(z.enum(PERIODS), "30d"), "30d"),
    split: z.catch(z._default(z.enum(SPLITS), "protocol"), "protocol"),
  }),
  component: AnalyticsPage,
});
