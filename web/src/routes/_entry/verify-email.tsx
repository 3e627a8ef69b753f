import { createFileRoute } from "@tanstack/react-router";
import { VerifyEmailPage } from "@/pages/entry/VerifyEmailPage";

export const Route = createFileRoute("/_entry/verify-email")({ component: VerifyEmailPage });
