import { Trans, useLingui } from "@lingui/react/macro";
import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button, IconButton } from "./Button";
import { TextField } from "./Field";
import { ProblemNotice } from "./ProblemNotice";

/**
 * A native modal dialog: focus, Escape and the inert page behind it are the browser's. `side` makes it a drawer, which keeps the list beside it
 * in sight. `locked` says that it may not be closed by Escape or a click outside, because something in it would be lost.
 */
export function Dialog({
  title,
  onClose,
  children,
  footer,
  side = false,
  wide = false,
  locked = false,
}: {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  footer?: ReactNode;
  side?: boolean;
  /** A drawer with room for tables. */
  wide?: boolean;
  locked?: boolean;
}) {
  const { t } = useLingui();
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    // The browser would focus the first button, which closes. What the dialog is for comes first.
    const first =
      dialog?.querySelector<HTMLElement>("[data-autofocus]") ??
      dialog?.querySelector<HTMLElement>("[data-content] :is(input, select, textarea)");
    first?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);

  const shape = side
    ? `enter-drawer ms-auto me-0 my-0 h-dvh max-h-dvh w-full ${wide ? "max-w-4xl" : "max-w-lg"} rounded-none md:rounded-s-dialog`
    : "enter-dialog m-auto max-md:mb-0 w-full max-w-md max-md:max-w-full rounded-dialog max-md:rounded-b-none";

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a native dialog
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        if (!locked) onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget && !locked) onClose();
      }}
      className={`border border-line bg-surface p-0 text-text shadow-float backdrop:bg-scrim ${shape}`}
    >
      <div className={`flex flex-col ${side ? "h-full" : "max-h-[85dvh]"}`}>
        <header className="flex items-center justify-between gap-4 border-b border-line py-2 ps-5 pe-3">
          <h2 id={id} className="text-md font-semibold">
            {title}
          </h2>
          {!locked && (
            <IconButton label={t`Close`} onClick={onClose}>
              <X className="size-4" />
            </IconButton>
          )}
        </header>
        <div data-content className="grow overflow-y-auto p-5">
          {children}
        </div>
        {footer && (
          <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">{footer}</footer>
        )}
      </div>
    </dialog>
  );
}

/**
 * Ask before something that cannot be undone. The consequences stand in `children`; focus is on Cancel. `name` has to be typed before it is done,
 * where much goes with it; `error` is why it could not be done.
 */
export function ConfirmDialog({
  title,
  action,
  busy,
  name,
  error,
  onConfirm,
  onClose,
  children,
}: {
  title: ReactNode;
  action: ReactNode;
  busy: boolean;
  name?: string | undefined;
  error?: unknown;
  onConfirm: () => void;
  onClose: () => void;
  children: ReactNode;
}) {
  const { t } = useLingui();
  const [typed, setTyped] = useState("");
  const ready = !name || typed.trim() === name.trim();
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose} data-autofocus>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="danger" busy={busy} disabled={!ready} onClick={onConfirm}>
            {action}
          </Button>
        </>
      }
    >
      <div className="grid gap-3 text-text-2">
        {children}
        {name && (
          <TextField
            label={t`Type ${name} to confirm`}
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
        {error ? <ProblemNotice error={error} /> : null}
      </div>
    </Dialog>
  );
}
