import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { LivePage } from "@/pages/operate/live/LivePage";

export const Route = createFileRoute("/operate/live")({
  validateSearch: z.object({
    node: z.optional(z.string()),
    sort: z.catch(z.optional(z.enum(["-started_at", "started_at"])), undefined),
  }),
  component: LivePage,
});
