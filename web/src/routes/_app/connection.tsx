import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { ConnectionPage } from "@/pages/connection/ConnectionPage";

export const Route = createFileRoute("/_app/connection")({
  validateSearch: z.object({ state: z.catch(z.optional(z.enum(["open", "closed"])), undefined) }),
  component: ConnectionPage,
});
