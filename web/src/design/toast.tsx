import { AlertTriangle, Check } from "lucide-react";
import type { ReactNode } from "react";
import { create } from "zustand";

interface Toast {
  id: number;
  tone: "ok" | "bad";
  text: ReactNode;
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 5_000;
const WITH_ACTION_MS = 8_000;
const MOST = 3;

let nextId = 1;
const useToasts = create<{ toasts: Toast[] }>(() => ({ toasts: [] }));

function remove(id: number): void {
  useToasts.setState((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) }));
}

/** Say that something was done, with an Undo where it can be taken back. Errors of a form stand beside their field instead. */
export function toast(text: ReactNode, options: { tone?: Toast["tone"]; action?: Toast["action"] } = {}): void {
  const id = nextId++;
  const shown: Toast = { id, tone: options.tone ?? "ok", text, ...(options.action ? { action: options.action } : {}) };
  useToasts.setState((state) => ({ toasts: [...state.toasts, shown].slice(-MOST) }));
  window.setTimeout(() => remove(id), options.action ? WITH_ACTION_MS : SHOWN_MS);
}

export function Toasts() {
  const toasts = useToasts((state) => state.toasts);
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-0 bottom-20 z-50 grid justify-items-center gap-2 px-4 md:bottom-6"
    >
      {toasts.map((one) => (
        <div
          key={one.id}
          className="enter-menu pointer-events-auto flex items-center gap-3 rounded-control bg-text px-4 py-2.5 text-page shadow-float"
        >
          {one.tone === "ok" ? (
            <Check className="size-4" aria-hidden="true" />
          ) : (
            <AlertTriangle className="size-4" aria-hidden="true" />
          )}
          <span>{one.text}</span>
          {one.action && (
            <button
              type="button"
              className="font-semibold underline underline-offset-2"
              onClick={() => {
                one.action?.run();
                remove(one.id);
              }}
            >
              {one.action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
