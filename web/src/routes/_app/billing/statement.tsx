import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { StatementPage } from "@/pages/billing/StatementPage";

export const Route = createFileRoute("/_app/billing/statement")({
  validateSearch: z.object({ account: z.optional(z.string()), transaction: z.optional(z.string()) }),
  component: StatementPage,
});
