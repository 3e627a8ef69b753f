import { createFileRoute } from "@tanstack/react-router";
import { CardsPage } from "@/pages/billing/CardsPage";

export const Route = createFileRoute("/_app/billing/cards")({ component: CardsPage });
