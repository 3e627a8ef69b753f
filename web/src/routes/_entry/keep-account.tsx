import { createFileRoute } from "@tanstack/react-router";
import { KeepAccountPage } from "@/pages/entry/KeepAccountPage";

export const Route = createFileRoute("/_entry/keep-account")({ component: KeepAccountPage });
