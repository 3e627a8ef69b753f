import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { LivePage } from "@/pages/operate/live/LivePage";
import { onlyWith } from "@/shell/onlyWith";

export const Route = createFileRoute("/operate/live")({
  beforeLoad: onlyWith("traffic:read"),
  validateSearch: z.object({
    node: z.optional(z.string()),
    sort: z.catch(z.optional(z.enum(["-started_at", "started_at"])), undefined),
  }),
  component: LivePage,
});
