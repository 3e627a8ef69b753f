import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { CustomersPage } from "@/pages/operate/CustomersPage";

export const Route = createFileRoute("/operate/customers")({
  validateSearch: z.object({
    email: z.optional(z.string()),
    state: z.catch(z.optional(z.enum(["active", "suspended"])), undefined),
    customer: z.optional(z.string()),
  }),
  component: CustomersPage,
});
