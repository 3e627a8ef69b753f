import { createFileRoute } from "@tanstack/react-router";
import { KeysPage } from "@/pages/operate/KeysPage";

export const Route = createFileRoute("/operate/keys")({ component: KeysPage });
