import { createFileRoute } from "@tanstack/react-router";
import { NodesPage } from "@/pages/operate/nodes/NodesPage";
import { onlyWith } from "@/shell/onlyWith";

export const Route = createFileRoute("/operate/nodes")({ beforeLoad: onlyWith("nodes:read"), component: NodesPage });
