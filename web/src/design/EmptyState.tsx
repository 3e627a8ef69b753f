import type { ReactNode } from "react";

/** Nothing here: one sentence that says why and one action that changes it. */
export function EmptyState({ children, action, icon }: { children: ReactNode; action?: ReactNode; icon?: ReactNode }) {
  return (
    <div className="grid justify-items-center gap-3 px-6 py-10 text-center text-text-2">
      {icon && <div className="text-text-3 [&_svg]:size-6">{icon}</div>}
      <p className="max-w-sm">{children}</p>
      {action}
    </div>
  );
}
