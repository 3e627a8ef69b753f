import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { RegisterPage } from "@/pages/entry/RegisterPage";

export const Route = createFileRoute("/_entry/register")({
  validateSearch: z.object({ next: z.optional(z.string()) }),
  component: RegisterPage,
});
