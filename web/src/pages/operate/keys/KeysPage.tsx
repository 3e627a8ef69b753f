import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { ConfirmDialog } from "@/design/Dialog";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Status } from "@/design/Status";
import { Table } from "@/design/Table";
import { toast } from "@/design/toast";
import { Time } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { keysQuery } from "./queries";

type Key = Schema<"KeyView">;

/** The keys that access tokens are signed with. */
export function KeysPage() {
  const { t } = useLingui();
  const queries = useQueryClient();
  const all = useQuery(keysQuery);
  const [dropping, setDropping] = useState<Key | null>(null);
  const refresh = () => queries.invalidateQueries({ queryKey: keys.admin.keys() });
  const rotate = useMutation({
    mutationFn: () => body(api.POST("/api/admin/keys/rotate")),
    onSuccess: async () => {
      await refresh();
      toast(t`Tokens are signed with the next key now.`);
    },
  });
  const drop = useMutation({
    mutationFn: (key: Key) => body(api.DELETE("/api/admin/keys/{kid}", { params: { path: { kid: key.kid } } })),
    onSuccess: async () => {
      setDropping(null);
      await refresh();
    },
  });
  return (
    <>
      <PageHead
        title={<Trans>Keys</Trans>}
        lead={<Trans>Access tokens are signed with the active key and checked with every key here.</Trans>}
        actions={
          <Allowed to="keys:manage">
            <Button icon={<RefreshCw className="size-4" />} busy={rotate.isPending} onClick={() => rotate.mutate()}>
              <Trans>Rotate</Trans>
            </Button>
          </Allowed>
        }
      />
      {(rotate.error ?? drop.error) && <ProblemNotice error={rotate.error ?? drop.error} />}
      <Panel flush>
        <Loaded query={all}>
          {(found) => (
            <Table
              label={t`Keys`}
              rows={found}
              rowKey={(key) => key.kid}
              columns={[
                { key: "kid", head: t`Key`, phone: "title", cell: (key) => <code>{key.kid}</code> },
                {
                  key: "state",
                  head: t`State`,
                  phone: "end",
                  cell: (key) => <Status tone={key.state === "active" ? "ok" : "off"}>{key.state}</Status>,
                },
                { key: "since", head: t`Since`, numeric: true, cell: (key) => <Time at={key.since} /> },
                {
                  key: "drop",
                  head: "",
                  numeric: true,
                  phone: "end",
                  cell: (key) => (
                    <Allowed to="keys:manage">
                      <Button small kind="quiet" onClick={() => setDropping(key)}>
                        <Trans>Drop</Trans>
                      </Button>
                    </Allowed>
                  ),
                },
              ]}
            />
          )}
        </Loaded>
      </Panel>
      {dropping && (
        <ConfirmDialog
          title={<Trans>Drop this key?</Trans>}
          action={<Trans>Drop</Trans>}
          busy={drop.isPending}
          onConfirm={() => drop.mutate(dropping)}
          onClose={() => setDropping(null)}
        >
          <p>
            <Trans>Tokens that were signed with it stop working. Do this only when the key was stolen.</Trans>
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
