import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { TextField } from "./Field";
import { ProblemNotice } from "./ProblemNotice";

/**
 * Ask before something that an operator does to somebody: the consequences, why (it is kept), and, where it cannot be undone, the name of what it
 * is done to.
 */
export function ReasonDialog({
  title,
  action,
  name,
  danger = true,
  change,
  onClose,
  children,
}: {
  title: ReactNode;
  action: ReactNode;
  /** What has to be typed before it is done. */
  name?: string;
  danger?: boolean;
  change: { mutate: (reason: string) => void; isPending: boolean; error: unknown };
  onClose: () => void;
  children: ReactNode;
}) {
  const { t } = useLingui();
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const ready = reason.trim() !== "" && (name === undefined || typed.trim() === name);
  const confirm = () => {
    if (ready && !change.isPending) change.mutate(reason.trim());
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind={danger ? "danger" : "primary"} disabled={!ready} busy={change.isPending} onClick={confirm}>
            {action}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          confirm();
        }}
      >
        <div className="grid gap-2 text-text-2">{children}</div>
        <TextField
          label={t`Why`}
          hint={t`It is written into the audit trail.`}
          required
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        {name !== undefined && (
          <TextField
            label={t`Type ${name} to confirm`}
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
        {change.error ? <ProblemNotice error={change.error} /> : null}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
