import { createFileRoute } from "@tanstack/react-router";
import { OverviewPage } from "@/pages/billing/OverviewPage";

export const Route = createFileRoute("/_app/billing/")({ component: OverviewPage });
