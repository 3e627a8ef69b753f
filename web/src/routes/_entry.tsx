import { createFileRoute, Outlet } from "@tanstack/react-router";
import { EntryFrame } from "@/pages/entry/EntryFrame";

export const Route = createFileRoute("/_entry")({
  component: () => (
    <EntryFrame>
      <Outlet />
    </EntryFrame>
  ),
});
