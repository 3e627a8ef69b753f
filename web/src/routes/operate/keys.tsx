import { createFileRoute, redirect } from "@tanstack/react-router";
import { meQuery } from "@/api/queries";
import { KeysPage } from "@/pages/operate/keys/KeysPage";

export const Route = createFileRoute("/operate/keys")({
  beforeLoad: async ({ context }) => {
    const me = await context.queries.ensureQueryData(meQuery);
    if (!me?.roles.includes("admin")) throw redirect({ to: "/operate" });
  },
  component: KeysPage,
});
