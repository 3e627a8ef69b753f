import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { GatewayPage } from "@/pages/operate/gateway/GatewayPage";
import { onlyWith } from "@/shell/onlyWith";

export const Route = createFileRoute("/operate/gateway")({
  beforeLoad: onlyWith("gateway:read"),
  validateSearch: z.object({ q: z.optional(z.string()) }),
  component: GatewayPage,
});
