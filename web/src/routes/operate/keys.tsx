import { createFileRoute } from "@tanstack/react-router";
import { KeysPage } from "@/pages/operate/keys/KeysPage";
import { onlyWith } from "@/shell/onlyWith";

export const Route = createFileRoute("/operate/keys")({ beforeLoad: onlyWith("keys:read"), component: KeysPage });
