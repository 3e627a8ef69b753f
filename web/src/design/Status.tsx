import { AlertTriangle, Check, Circle, Clock, X } from "lucide-react";
import type { ReactNode } from "react";

export type StatusTone = "ok" | "wait" | "warn" | "bad" | "off";

const TONES: Record<StatusTone, { className: string; Icon: typeof Check }> = {
  ok: { className: "bg-ok-soft text-ok", Icon: Check },
  wait: { className: "bg-accent-soft text-accent", Icon: Clock },
  warn: { className: "bg-warn-soft text-warn", Icon: AlertTriangle },
  bad: { className: "bg-bad-soft text-bad", Icon: X },
  off: { className: "bg-sunken text-text-2", Icon: Circle },
};

/** A state as shape, word and colour, so that none of the three is needed alone. */
export function Status({ tone, children }: { tone: StatusTone; children: ReactNode }) {
  const { className, Icon } = TONES[tone];
  return (
    <span
      className={`inline-flex items-center gap-1 rounded-chip px-1.5 py-0.5 text-xs font-medium whitespace-nowrap ${className}`}
    >
      <Icon className="size-3" aria-hidden="true" />
      {children}
    </span>
  );
}
