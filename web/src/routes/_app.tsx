import { createFileRoute, redirect } from "@tanstack/react-router";
import { meQuery } from "@/api/queries";
import { CustomerShell } from "@/shell/CustomerShell";

export const Route = createFileRoute("/_app")({
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.ensureQueryData(meQuery);
    if (!me) throw redirect({ to: "/login", search: { next: location.href } });
  },
  component: CustomerShell,
});
