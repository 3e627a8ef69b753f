import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { DesignPage } from "@/pages/design/DesignPage";

export const Route = createFileRoute("/design")({
  // How many rows the table shows: a long one shows how it scrolls.
  validateSearch: z.object({
    rows: z.catch(z.optional(z.number().check(z.int(), z.gte(1), z.lte(100_000))), undefined),
  }),
  component: DesignPage,
});
