import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { StatementPage } from "@/pages/billing/StatementPage";

// What is not understood is as if it was not there: an address that somebody shortened still opens the page.
const day = z.catch(z.optional(z.iso.date()), undefined);
const text = z.catch(z.optional(z.string()), undefined);

export const Route = createFileRoute("/_app/billing/statement")({
  validateSearch: z.object({ asset: text, code: text, since: day, until: day, q: text, transaction: text }),
  component: StatementPage,
});
