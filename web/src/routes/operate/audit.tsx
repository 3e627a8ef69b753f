import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { AuditPage } from "@/pages/operate/audit/AuditPage";
import { onlyWith } from "@/shell/onlyWith";

export const Route = createFileRoute("/operate/audit")({
  beforeLoad: onlyWith("audit:read"),
  validateSearch: z.object({
    subject: z.optional(z.string()),
    topic: z.optional(z.string()),
    user_id: z.optional(z.string()),
  }),
  component: AuditPage,
});
