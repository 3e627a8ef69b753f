import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { SelectField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { type Credential, nameOf } from "./CredentialTable";

/** Replaces a secret by a new one; the old one goes on for as long as is chosen here. */
export function RotateDialog({
  resourceId,
  credential,
  onRotated,
  onClose,
}: {
  resourceId: string;
  credential: Credential;
  onRotated: (secret: Schema<"SecretView">) => void;
  onClose: () => void;
}) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [grace, setGrace] = useState("600");
  const rotate = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/access/resources/{resource_id}/credentials/{credential_id}/rotate", {
          params: { path: { resource_id: resourceId, credential_id: credential.id } },
          body: { grace_s: Number(grace) },
        }),
      ),
    onSuccess: async (secret) => {
      onRotated(secret);
      await queries.invalidateQueries({ queryKey: keys.proxyConfig() });
    },
  });
  return (
    <Dialog
      title={<Trans>Rotate this credential</Trans>}
      onClose={onClose}
      locked={rotate.isPending}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={rotate.isPending} onClick={() => rotate.mutate()}>
            <Trans>Rotate</Trans>
          </Button>
        </>
      }
    >
      <div className="grid gap-4">
        <p className="text-text-2">
          <Trans>
            You get a new user name and a new password in the place of{" "}
            <code className="text-text">{nameOf(credential)}</code>. Put them into your clients while the old ones still
            work.
          </Trans>
        </p>
        <SelectField
          label={t`The old one works for another`}
          hint={t`Then its open connections end.`}
          value={grace}
          onChange={(event) => setGrace(event.target.value)}
          options={[
            { value: "0", label: t`0 seconds: it ends now` },
            { value: "600", label: t`10 minutes` },
            { value: "3600", label: t`1 hour` },
            { value: "86400", label: t`1 day` },
            { value: "604800", label: t`7 days` },
          ]}
        />
        {rotate.error && <ProblemNotice error={rotate.error} />}
      </div>
    </Dialog>
  );
}
