import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { AnalyticsPage } from "@/pages/analytics/AnalyticsPage";
import { PERIODS, SPLITS } from "@/pages/analytics/period";

export const Route = createFileRoute("/_app/analytics")({
  validateSearch: z.object({
    period: z.catch(z._default(z.enum(PERIODS), "30"), "30"),
    split: z.catch(z._default(z.enum(SPLITS), "protocol"), "protocol"),
  }),
  component: AnalyticsPage,
});
