import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { ConfirmDialog } from "@/design/Dialog";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Status } from "@/design/Status";
import { Table } from "@/design/Table";
import { toast } from "@/design/toast";
import { Time } from "@/design/Values";
import { deviceName } from "@/parts/device";

export function SessionsPanel() {
  const { t } = useLingui();
  const queries = useQueryClient();
  const sessions = useQuery({
    queryKey: keys.sessions(),
    queryFn: async () => (await body(api.GET("/api/auth/sessions", { params: { query: { limit: 100 } } }))).items,
  });
  const end = useMutation({
    mutationFn: (session: Schema<"SessionView">) =>
      body(api.DELETE("/api/auth/sessions/{session_id}", { params: { path: { session_id: session.id } } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keys.sessions() });
      toast(t`Signed out there.`);
    },
  });
  const [asking, setAsking] = useState(false);
  const endAll = useMutation({
    mutationFn: (keep: boolean) => body(api.POST("/api/auth/sessions/end", { body: { keep_current: keep } })),
    onSuccess: async (_nothing, keep) => {
      if (!keep) {
        queries.clear();
        window.location.assign("/login");
        return;
      }
      await queries.invalidateQueries({ queryKey: keys.sessions() });
      toast(t`Signed out everywhere else.`);
    },
  });
  return (
    <Panel
      flush
      title={<Trans>Where you are signed in</Trans>}
      actions={
        <>
          <Button small busy={endAll.isPending && endAll.variables} onClick={() => endAll.mutate(true)}>
            <Trans>Sign out everywhere else</Trans>
          </Button>
          <Button small kind="danger" onClick={() => setAsking(true)}>
            <Trans>Sign out everywhere</Trans>
          </Button>
        </>
      }
    >
      {asking && (
        <ConfirmDialog
          title={<Trans>Sign out everywhere</Trans>}
          action={<Trans>Sign out everywhere</Trans>}
          busy={endAll.isPending}
          error={endAll.error}
          onConfirm={() => endAll.mutate(false)}
          onClose={() => setAsking(false)}
        >
          <Trans>Every session ends within a second, this one too. Proxy credentials go on.</Trans>
        </ConfirmDialog>
      )}
      {(end.error ?? endAll.error) && (
        <div className="p-4">
          <ProblemNotice error={end.error ?? endAll.error} />
        </div>
      )}
      <Loaded query={sessions}>
        {(all) => (
          <Table
            label={t`Sessions`}
            rows={all}
            rowKey={(one) => one.id}
            columns={[
              {
                key: "device",
                head: t`Device`,
                phone: "title",
                cell: (one) => (
                  <span className="inline-flex items-center gap-2" title={one.user_agent}>
                    {deviceName(one.user_agent) ?? t`Unknown device`}
                    {one.current && <Status tone="ok">{t`This one`}</Status>}
                  </span>
                ),
              },
              { key: "ip", head: t`Address`, cell: (one) => one.ip },
              { key: "used", head: t`Last used`, cell: (one) => <Time at={one.last_used_at} /> },
              { key: "since", head: t`Since`, phone: "hidden", cell: (one) => <Time at={one.created_at} /> },
              {
                key: "end",
                head: "",
                numeric: true,
                phone: "end",
                cell: (one) =>
                  !one.current && (
                    <Button
                      small
                      kind="quiet"
                      busy={end.isPending && end.variables.id === one.id}
                      onClick={() => end.mutate(one)}
                    >
                      <Trans>Sign out</Trans>
                    </Button>
                  ),
              },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}
