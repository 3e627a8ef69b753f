import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { ForgotPage } from "@/pages/entry/ForgotPage";

export const Route = createFileRoute("/_entry/forgot")({
  validateSearch: z.object({ next: z.optional(z.string()) }),
  component: ForgotPage,
});
