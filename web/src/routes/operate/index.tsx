import { createFileRoute } from "@tanstack/react-router";
import { AttentionPage } from "@/pages/operate/AttentionPage";

export const Route = createFileRoute("/operate/")({ component: AttentionPage });
