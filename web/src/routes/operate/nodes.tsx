import { createFileRoute } from "@tanstack/react-router";
import { NodesPage } from "@/pages/operate/NodesPage";

export const Route = createFileRoute("/operate/nodes")({ component: NodesPage });
