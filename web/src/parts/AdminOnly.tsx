import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { meQuery } from "@/api/queries";

/** Whether who is signed in may change what operators change; the platform checks it again. */
export function useAdmin(): boolean {
  return useQuery(meQuery).data?.roles.includes("admin") ?? false;
}

/** Something that is offered to an admin only: other operators see the page without it. */
export function AdminOnly({ children }: { children: ReactNode }) {
  return useAdmin() ? children : null;
}
