import { createFileRoute } from "@tanstack/react-router";
import { KeysPage } from "@/pages/operate/keys/KeysPage";

export const Route = createFileRoute("/operate/keys")({ component: KeysPage });
