import { createFileRoute } from "@tanstack/react-router";
import { PricesPage } from "@/pages/operate/catalogue/PricesPage";
import { onlyWith } from "@/shell/onlyWith";

export const Route = createFileRoute("/operate/prices")({
  beforeLoad: onlyWith("products:read"),
  component: PricesPage,
});
