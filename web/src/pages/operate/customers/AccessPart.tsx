import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { Facts } from "@/design/Facts";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ReasonDialog } from "@/design/ReasonDialog";
import { Segmented } from "@/design/Segmented";
import { Status, type StatusTone } from "@/design/Status";
import { Table } from "@/design/Table";
import { toast } from "@/design/toast";
import { Bytes, Time } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { CREDENTIAL_KINDS } from "@/parts/credentialKind";
import { ConnectionList } from "../live/ConnectionList";
import { connectionsQuery, resourcesQuery, usageQuery } from "./queries";

type Resource = Schema<"ResourceDetail">;
type Credential = Schema<"CredentialView">;

/** What a customer may use, with which credentials, what they used, and what is open. */
export function AccessPart({ userId }: { userId: string }) {
  const { t } = useLingui();
  const usage = useQuery(usageQuery(userId));
  const resources = useQuery(resourcesQuery(userId));
  const [state, setState] = useState<"open" | "closed" | "all">("open");
  const connections = useInfiniteQuery({
    ...connectionsQuery(userId, state === "all" ? undefined : state),
    placeholderData: (before) => before,
  });
  return (
    <>
      <Panel title={<Trans>Used</Trans>}>
        <Loaded query={usage}>
          {(found) => (
            <Facts
              facts={[
                [t`Today`, <Bytes key="today" count={found.today.bytes_total} />],
                [t`This month`, <Bytes key="month" count={found.this_month.bytes_total} />],
                [t`Ever`, <Bytes key="ever" count={found.all_time.bytes_total} />],
                [t`Open connections`, String(found.open_connections)],
                [t`Last report`, found.as_of ? <Time key="report" at={found.as_of} /> : "–"],
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Loaded query={resources}>
        {(all) =>
          all.length === 0 ? (
            <Panel title={<Trans>Accesses</Trans>}>
              <EmptyState icon={<KeyRound />}>
                <Trans>This customer has no access yet.</Trans>
              </EmptyState>
            </Panel>
          ) : (
            all.map((one) => <Access key={one.id} resource={one} />)
          )
        }
      </Loaded>
      <Panel
        flush
        title={<Trans>Connections</Trans>}
        actions={
          <Segmented
            label={t`State`}
            value={state}
            onChange={setState}
            options={[
              { value: "open", label: t`Open` },
              { value: "closed", label: t`Ended` },
              { value: "all", label: t`All` },
            ]}
          />
        }
      >
        <ConnectionList query={connections} empty={<Trans>No connection matches.</Trans>} />
      </Panel>
    </>
  );
}

function Access({ resource }: { resource: Resource }) {
  const { t, i18n } = useLingui();
  const [revoking, setRevoking] = useState<Credential | null>(null);
  const [switching, setSwitching] = useState(false);
  const suspended = resource.state === "suspended";
  return (
    <Panel
      flush
      title={
        <span className="inline-flex flex-wrap items-center gap-2">
          {resource.label || resource.asset}
          <ResourceState state={resource.state} />
        </span>
      }
      actions={
        <Allowed to="resources:manage">
          <Button small kind={suspended ? "plain" : "quiet"} onClick={() => setSwitching(true)}>
            {suspended ? <Trans>Resume</Trans> : <Trans>Stop</Trans>}
          </Button>
        </Allowed>
      }
    >
      {resource.credentials.length === 0 ? (
        <EmptyState icon={<KeyRound />}>
          <Trans>This access has no credential.</Trans>
        </EmptyState>
      ) : (
        <Table
          label={t`Credentials`}
          rows={resource.credentials}
          rowKey={(one) => one.id}
          columns={[
            {
              key: "name",
              head: t`Credential`,
              phone: "title",
              cell: (one) => <code>{one.username ?? one.fingerprint ?? one.id}</code>,
            },
            { key: "label", head: t`Label`, cell: (one) => one.label || "–" },
            { key: "kind", head: t`Kind`, phone: "hidden", cell: (one) => i18n._(CREDENTIAL_KINDS[one.kind]) },
            { key: "made", head: t`Made`, cell: (one) => <Time at={one.created_at} /> },
            {
              key: "revoke",
              head: "",
              numeric: true,
              phone: "end",
              cell: (one) => (
                <Allowed to="credentials:manage">
                  <Button small kind="quiet" onClick={() => setRevoking(one)}>
                    <Trans>Revoke</Trans>
                  </Button>
                </Allowed>
              ),
            },
          ]}
        />
      )}
      {revoking && <RevokeDialog credential={revoking} onClose={() => setRevoking(null)} />}
      {switching && <SwitchDialog resource={resource} onClose={() => setSwitching(false)} />}
    </Panel>
  );
}

function ResourceState({ state }: { state: string }) {
  const { t } = useLingui();
  const known: Record<string, readonly [StatusTone, string]> = {
    active: ["ok", t`Active`],
    inactive: ["off", t`Inactive`],
    suspended: ["bad", t`Suspended`],
  };
  const [tone, word] = known[state] ?? (["off", state] as const);
  return <Status tone={tone}>{word}</Status>;
}

function RevokeDialog({ credential, onClose }: { credential: Credential; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const name = credential.username ?? credential.fingerprint ?? credential.id;
  const revoke = useMutation({
    mutationFn: (reason: string) =>
      body(
        api.POST("/api/admin/credentials/{credential_id}/revoke", {
          params: { path: { credential_id: credential.id } },
          body: { reason },
        }),
      ),
    onSuccess: async () => {
      toast(t`The credential is revoked.`);
      onClose();
      await queries.invalidateQueries({ queryKey: ["admin"] });
    },
  });
  return (
    <ReasonDialog
      title={<Trans>Revoke a credential</Trans>}
      action={<Trans>Revoke it</Trans>}
      name={name}
      change={revoke}
      onClose={onClose}
    >
      <p>
        <Trans>
          Its connections end within a second, and no program can sign in with it again. This cannot be undone.
        </Trans>
      </p>
    </ReasonDialog>
  );
}

function SwitchDialog({ resource, onClose }: { resource: Resource; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const suspended = resource.state === "suspended";
  const path = { resource_id: resource.id };
  const change = useMutation({
    mutationFn: (reason: string) =>
      suspended
        ? body(api.POST("/api/admin/resources/{resource_id}/resume", { params: { path }, body: { reason } }))
        : body(api.POST("/api/admin/resources/{resource_id}/stop", { params: { path }, body: { reason } })),
    onSuccess: async () => {
      toast(suspended ? t`The access can be used again.` : t`The access is stopped. Its connections have ended.`);
      onClose();
      await queries.invalidateQueries({ queryKey: ["admin"] });
    },
  });
  return (
    <ReasonDialog
      title={suspended ? <Trans>Resume an access</Trans> : <Trans>Stop an access</Trans>}
      action={suspended ? <Trans>Resume it</Trans> : <Trans>Stop it</Trans>}
      danger={!suspended}
      change={change}
      onClose={onClose}
    >
      <p>
        {suspended ? (
          <Trans>The customer can use it again.</Trans>
        ) : (
          <Trans>Its connections end within a second. The customer cannot lift this; you can.</Trans>
        )}
      </p>
    </ReasonDialog>
  );
}
