import { createFileRoute } from "@tanstack/react-router";
import { AttentionPage } from "@/pages/operate/attention/AttentionPage";

export const Route = createFileRoute("/operate/")({ component: AttentionPage });
