import { createFileRoute } from "@tanstack/react-router";
import { ProxyPage } from "@/pages/proxy/ProxyPage";

export const Route = createFileRoute("/_app/proxy")({ component: ProxyPage });
