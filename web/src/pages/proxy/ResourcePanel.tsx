import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { MapPin, Pause, Play, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button, IconButton } from "@/design/Button";
import { ConfirmDialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Status } from "@/design/Status";
import { toast } from "@/design/toast";
import { formatRate } from "@/format/bytes";
import { useTierName } from "@/parts/tierName";
import { type Credential, CredentialTable, nameOf } from "./CredentialTable";
import { NewAddressDialog } from "./NewAddressDialog";
import { RotateDialog } from "./RotateDialog";
import { SecretDialog } from "./SecretDialog";

type Resource = Schema<"ResourceDetail">;

/** One access: what it may do, whether it works, and its credentials. */
export function ResourcePanel({ resource }: { resource: Resource }) {
  const { t, i18n } = useLingui();
  const queries = useQueryClient();
  const tierName = useTierName();
  const [rotating, setRotating] = useState<Credential | null>(null);
  const [revoking, setRevoking] = useState<Credential | null>(null);
  const [deleting, setDeleting] = useState(false);
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState<Schema<"SecretView"> | null>(null);
  const refresh = () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: keys.proxyConfig() }),
      queries.invalidateQueries({ queryKey: keys.proxyStatus() }),
    ]);
  const path = { resource_id: resource.id };
  const active = resource.state === "active";

  const setActive = useMutation({
    mutationFn: (on: boolean) =>
      on
        ? body(api.POST("/api/access/resources/{resource_id}/activate", { params: { path } }))
        : body(api.POST("/api/access/resources/{resource_id}/deactivate", { params: { path } })),
    onSuccess: async (_, on) => {
      await refresh();
      toast(on ? t`The access works again.` : t`The access is stopped. Its connections have ended.`, {
        ...(on ? {} : { action: { label: t`Undo`, run: () => setActive.mutate(true) } }),
      });
    },
  });
  const issue = useMutation({
    mutationFn: () =>
      body(api.POST("/api/access/resources/{resource_id}/credentials", { params: { path }, body: { label: "" } })),
    onSuccess: async (issued) => {
      setSecret(issued);
      await refresh();
    },
  });
  const revoke = useMutation({
    mutationFn: (credential: Credential) =>
      body(
        api.DELETE("/api/access/resources/{resource_id}/credentials/{credential_id}", {
          params: { path: { ...path, credential_id: credential.id } },
        }),
      ),
    onSuccess: async () => {
      setRevoking(null);
      await refresh();
      toast(t`The credential is revoked.`);
    },
  });
  const remove = useMutation({
    mutationFn: () => body(api.DELETE("/api/access/resources/{resource_id}", { params: { path } })),
    onSuccess: async () => {
      setDeleting(false);
      await refresh();
      toast(t`The access is deleted.`);
    },
  });
  const failed = setActive.error ?? issue.error;
  const { max_flows: flows, rate_limit_bytes_s: rate } = resource.limits;

  return (
    <Panel
      flush
      title={
        <span className="flex flex-wrap items-center gap-2">
          {resource.label || <Trans>Access</Trans>}
          <ResourceState state={resource.state} />
        </span>
      }
      actions={
        <>
          <Button
            small
            kind="quiet"
            busy={setActive.isPending}
            disabled={resource.state === "suspended"}
            icon={active ? <Pause className="size-4" /> : <Play className="size-4" />}
            onClick={() => setActive.mutate(!active)}
          >
            {active ? <Trans>Stop</Trans> : <Trans>Activate</Trans>}
          </Button>
          <Button small icon={<Plus className="size-4" />} busy={issue.isPending} onClick={() => issue.mutate()}>
            <Trans>New credential</Trans>
          </Button>
          <Button small icon={<MapPin className="size-4" />} onClick={() => setAdding(true)}>
            <Trans>Let in an address</Trans>
          </Button>
          <IconButton label={t`Delete the access`} onClick={() => setDeleting(true)}>
            <Trash2 className="size-4" />
          </IconButton>
        </>
      }
    >
      <p className="flex flex-wrap gap-x-5 gap-y-1 border-b border-line px-4 py-2.5 text-sm text-text-2">
        <span>{resource.protocols.map((protocol) => protocol.toUpperCase()).join(", ")}</span>
        <span>{tierName(resource.tier)}</span>
        <span>
          {flows === 0 ? (
            <Trans>Any number of connections</Trans>
          ) : (
            <Plural value={flows} one="# connection at a time" other="# connections at a time" />
          )}
        </span>
        <span>{rate === "0" ? <Trans>No speed limit</Trans> : formatRate(Number(rate), i18n.locale)}</span>
      </p>
      {failed && (
        <div className="p-4">
          <ProblemNotice error={failed} />
        </div>
      )}
      {resource.credentials.length === 0 ? (
        <EmptyState>
          <Trans>This access has no credential, so no client can use it.</Trans>
        </EmptyState>
      ) : (
        <CredentialTable credentials={resource.credentials} onRotate={setRotating} onRevoke={setRevoking} />
      )}
      {adding && <NewAddressDialog resourceId={resource.id} onClose={() => setAdding(false)} />}
      {rotating && (
        <RotateDialog
          resourceId={resource.id}
          credential={rotating}
          onRotated={(issued) => {
            setRotating(null);
            setSecret(issued);
          }}
          onClose={() => setRotating(null)}
        />
      )}
      {secret && <SecretDialog secret={secret} onClose={() => setSecret(null)} />}
      {revoking && (
        <ConfirmDialog
          title={<Trans>Revoke this credential?</Trans>}
          action={<Trans>Revoke</Trans>}
          busy={revoke.isPending}
          error={revoke.error}
          onConfirm={() => revoke.mutate(revoking)}
          onClose={() => setRevoking(null)}
        >
          <p>
            <Trans>
              Clients that use <code className="text-text">{nameOf(revoking)}</code> are disconnected within a second.
              This cannot be undone.
            </Trans>
          </p>
        </ConfirmDialog>
      )}
      {deleting && (
        <ConfirmDialog
          title={<Trans>Delete this access?</Trans>}
          action={<Trans>Delete</Trans>}
          busy={remove.isPending}
          name={resource.label}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setDeleting(false)}
        >
          <p>
            <Plural
              value={resource.credentials.length}
              one="Its credential is revoked and its connections end. Its records stay. This cannot be undone."
              other="Its # credentials are revoked and its connections end. Its records stay. This cannot be undone."
            />
          </p>
        </ConfirmDialog>
      )}
    </Panel>
  );
}

function ResourceState({ state }: { state: string }) {
  const { t } = useLingui();
  if (state === "active") return <Status tone="ok">{t`Active`}</Status>;
  if (state === "suspended") return <Status tone="bad">{t`Suspended`}</Status>;
  return <Status tone="off">{t`Stopped`}</Status>;
}
