import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { CustomersPage } from "@/pages/operate/customers/CustomersPage";
import { PARTS } from "@/pages/operate/customers/parts";

export const Route = createFileRoute("/operate/customers")({
  validateSearch: z.object({
    email: z.optional(z.string()),
    state: z.catch(z.optional(z.enum(["active", "suspended", "deleting", "deleted"])), undefined),
    customer: z.optional(z.string()),
    part: z.catch(z.optional(z.enum(PARTS)), undefined),
  }),
  component: CustomersPage,
});
