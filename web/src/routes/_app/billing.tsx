import { createFileRoute } from "@tanstack/react-router";
import { BillingFrame } from "@/pages/billing/BillingFrame";

export const Route = createFileRoute("/_app/billing")({ component: BillingFrame });
