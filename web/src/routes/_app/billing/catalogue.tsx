import { createFileRoute } from "@tanstack/react-router";
import { CataloguePage } from "@/pages/billing/CataloguePage";

export const Route = createFileRoute("/_app/billing/catalogue")({ component: CataloguePage });
