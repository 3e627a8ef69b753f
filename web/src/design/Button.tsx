import type { ButtonHTMLAttributes, ReactNode } from "react";
import { Spinner } from "./Spinner";

export type ButtonKind = "primary" | "plain" | "quiet" | "danger";

const KINDS: Record<ButtonKind, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-hover",
  plain: "border border-control/60 bg-surface text-text hover:bg-sunken",
  quiet: "text-text-2 hover:bg-sunken hover:text-text",
  danger: "bg-bad text-surface hover:opacity-90",
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: ButtonKind;
  small?: boolean;
  /** The action is running: the button keeps its width, shows it and cannot be pressed. */
  busy?: boolean;
  /** It gets the focus when its dialog opens. */
  "data-autofocus"?: boolean;
  icon?: ReactNode;
}

export function buttonClass(kind: ButtonKind = "plain", small = false): string {
  const size = small ? "h-8 px-2.5 text-sm" : "h-11 px-4 text-base md:h-9 md:px-3.5";
  return `inline-flex shrink-0 items-center justify-center gap-2 rounded-control font-medium whitespace-nowrap transition-colors duration-90 select-none disabled:opacity-50 ${size} ${KINDS[kind]}`;
}

export function Button({ kind = "plain", small = false, busy, icon, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      onClick={(event) => {
        // The second click of a double one comes before the button shows that it is busy.
        if (busy !== undefined && event.detail > 1) event.preventDefault();
        else rest.onClick?.(event);
      }}
      disabled={rest.disabled || busy}
      aria-busy={busy ?? false}
      className={buttonClass(kind, small)}
    >
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  );
}

/** A button that is only an icon. Its name is read to screen readers and shown on hover. */
export function IconButton({ label, children, ...rest }: { label: string } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className="inline-grid size-8 shrink-0 place-items-center rounded-control text-text-2 transition-colors duration-90 hover:bg-sunken hover:text-text disabled:opacity-50"
    >
      {children}
    </button>
  );
}
