import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { may, type Permission } from "@/api/permissions";
import { meQuery } from "@/api/queries";

/** Whether who is signed in has a permission. The platform checks it again. */
export function useMay(): (permission: Permission) => boolean {
  const { data: me } = useQuery(meQuery);
  return (permission) => may(me, permission);
}

/** Something that is offered to whoever may do it; others see the page without it. */
export function Allowed({ to, children }: { to: Permission; children: ReactNode }) {
  return useMay()(to) ? children : null;
}
