import { Trans, useLingui } from "@lingui/react/macro";
import { RotateCw } from "lucide-react";
import type { Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { Table } from "@/design/Table";
import { Time } from "@/design/Values";
import { CREDENTIAL_KINDS } from "@/parts/credentialKind";

export type Credential = Schema<"CredentialView">;

/** What a person knows a credential by. */
export const nameOf = (one: Credential) => one.address ?? one.username ?? one.fingerprint ?? one.id;

/** Whether its secret was made here, so that another can take its place. */
const canRotate = (one: Credential) => (one.kind === "password" || one.kind === "token") && one.expires_at === null;

/** The credentials of an access, and what can be done with each. */
export function CredentialTable({
  credentials,
  onRotate,
  onRevoke,
}: {
  credentials: readonly Credential[];
  onRotate: (one: Credential) => void;
  onRevoke: (one: Credential) => void;
}) {
  const { t, i18n } = useLingui();
  return (
    <Table
      label={t`Credentials`}
      rows={credentials}
      rowKey={(one) => one.id}
      columns={[
        {
          key: "name",
          head: t`User name or address`,
          phone: "title",
          cell: (one) => <code>{nameOf(one)}</code>,
        },
        { key: "kind", head: t`Kind`, phone: "hidden", cell: (one) => i18n._(CREDENTIAL_KINDS[one.kind]) },
        { key: "label", head: t`Name`, cell: (one) => one.label || "–" },
        { key: "created", head: t`Created`, phone: "hidden", cell: (one) => <Time at={one.created_at} /> },
        {
          key: "used",
          head: t`Last used`,
          cell: (one) => (one.last_used_at ? <Time at={one.last_used_at} /> : <Trans>Never</Trans>),
        },
        {
          key: "ends",
          head: "",
          cell: (one) =>
            one.expires_at && (
              <span className="text-text-3">
                <Trans>
                  Replaced, works until <Time at={one.expires_at} clock />
                </Trans>
              </span>
            ),
        },
        {
          key: "actions",
          head: "",
          numeric: true,
          phone: "end",
          cell: (one) => (
            <span className="inline-flex flex-wrap items-center justify-end gap-1">
              {canRotate(one) && (
                <Button small kind="quiet" icon={<RotateCw className="size-4" />} onClick={() => onRotate(one)}>
                  <Trans>Rotate</Trans>
                </Button>
              )}
              <Button small kind="quiet" onClick={() => onRevoke(one)}>
                <Trans>Revoke</Trans>
              </Button>
            </span>
          ),
        },
      ]}
    />
  );
}
