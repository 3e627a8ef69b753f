import { createFileRoute } from "@tanstack/react-router";
import { ChangeEmailPage } from "@/pages/entry/ChangeEmailPage";

export const Route = createFileRoute("/_entry/change-email")({ component: ChangeEmailPage });
