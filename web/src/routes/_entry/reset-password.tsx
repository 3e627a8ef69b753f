import { createFileRoute } from "@tanstack/react-router";
import { ResetPasswordPage } from "@/pages/entry/ResetPasswordPage";

export const Route = createFileRoute("/_entry/reset-password")({ component: ResetPasswordPage });
