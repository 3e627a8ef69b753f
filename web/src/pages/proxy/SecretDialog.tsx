import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import type { Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { CopyField } from "@/design/Copy";
import { Dialog } from "@/design/Dialog";

/** A secret that is shown once. It stays in memory only; the dialog closes when the person says that it is kept elsewhere. */
export function SecretDialog({ secret, onClose }: { secret: Schema<"SecretView">; onClose: () => void }) {
  const { t } = useLingui();
  const [saved, setSaved] = useState(false);
  const values = [
    [t`User name`, secret.username],
    [t`Password`, secret.password],
    [t`Token`, secret.token],
  ] as const;
  return (
    <Dialog
      title={<Trans>The new credential</Trans>}
      onClose={onClose}
      locked={!saved}
      footer={
        <Button kind="primary" disabled={!saved} onClick={onClose}>
          <Trans>Done</Trans>
        </Button>
      }
    >
      <div className="grid gap-4">
        <p className="text-text-2">
          <Trans>Copy it now. It cannot be shown again; if it is lost, rotate it to get another.</Trans>
        </p>
        {values.map(
          ([name, value]) =>
            value && (
              <div key={name} className="grid gap-1">
                <span className="text-sm text-text-3">{name}</span>
                <CopyField value={value} label={t`Copy: ${name}`} />
              </div>
            ),
        )}
        <label className="flex items-center gap-2.5">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={saved}
            onChange={(event) => setSaved(event.target.checked)}
          />
          <Trans>I have saved it</Trans>
        </label>
      </div>
    </Dialog>
  );
}
