import { createFileRoute } from "@tanstack/react-router";
import { OrdersPage } from "@/pages/billing/OrdersPage";

export const Route = createFileRoute("/_app/billing/orders")({ component: OrdersPage });
