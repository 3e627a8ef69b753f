import { createFileRoute } from "@tanstack/react-router";
import { NodesPage } from "@/pages/operate/nodes/NodesPage";

export const Route = createFileRoute("/operate/nodes")({ component: NodesPage });
