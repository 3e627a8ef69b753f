import type { QueryClient } from "@tanstack/react-query";
import { redirect } from "@tanstack/react-router";
import { may, type Permission } from "@/api/permissions";
import { meQuery } from "@/api/queries";

/** What a page of operators does first: whoever may not see it goes to the first of these pages instead. */
export function onlyWith(permission: Permission) {
  return async ({ context }: { context: { queries: QueryClient } }) => {
    if (!may(await context.queries.ensureQueryData(meQuery), permission)) throw redirect({ to: "/operate" });
  };
}
