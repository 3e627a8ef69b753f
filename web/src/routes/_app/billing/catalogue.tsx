import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { CataloguePage } from "@/pages/billing/CataloguePage";

export const Route = createFileRoute("/_app/billing/catalogue")({
  validateSearch: z.object({ currency: z.optional(z.string()) }),
  component: CataloguePage,
});
