import { createFileRoute, redirect } from "@tanstack/react-router";
import { mayOperate } from "@/api/permissions";
import { meQuery } from "@/api/queries";
import { OperatorShell } from "@/shell/OperatorShell";

export const Route = createFileRoute("/operate")({
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.ensureQueryData(meQuery);
    if (!me) throw redirect({ to: "/login", search: { next: location.href } });
    if (!mayOperate(me)) throw redirect({ to: "/dashboard" });
  },
  component: OperatorShell,
});
