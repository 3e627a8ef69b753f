import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { LoginPage } from "@/pages/entry/LoginPage";

export const Route = createFileRoute("/_entry/login")({
  validateSearch: z.object({ next: z.optional(z.string()) }),
  component: LoginPage,
});
