import { createFileRoute } from "@tanstack/react-router";
import { PricesPage } from "@/pages/operate/catalogue/PricesPage";

export const Route = createFileRoute("/operate/prices")({ component: PricesPage });
