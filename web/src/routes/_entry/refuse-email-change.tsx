import { createFileRoute } from "@tanstack/react-router";
import { RefuseEmailChangePage } from "@/pages/entry/RefuseEmailChangePage";

export const Route = createFileRoute("/_entry/refuse-email-change")({ component: RefuseEmailChangePage });
