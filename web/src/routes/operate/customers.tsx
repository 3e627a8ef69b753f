import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { CustomersPage } from "@/pages/operate/customers/CustomersPage";
import { PARTS } from "@/pages/operate/customers/parts";
import { USER_SORTS } from "@/pages/operate/customers/queries";
import { onlyWith } from "@/shell/onlyWith";

export const Route = createFileRoute("/operate/customers")({
  beforeLoad: onlyWith("users:read"),
  validateSearch: z.object({
    q: z.optional(z.string()),
    sort: z.catch(z.optional(z.enum(USER_SORTS)), undefined),
    state: z.catch(z.optional(z.enum(["active", "suspended", "deleting", "deleted"])), undefined),
    customer: z.optional(z.string()),
    part: z.catch(z.optional(z.enum(PARTS)), undefined),
  }),
  component: CustomersPage,
});
