import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { MonitorSmartphone } from "lucide-react";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { List } from "@/design/List";
import { Panel } from "@/design/Panel";
import { ReasonDialog } from "@/design/ReasonDialog";
import { toast } from "@/design/toast";
import { Time } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { deviceName } from "@/parts/device";
import { sessionsQuery } from "./queries";

type Session = Schema<"SessionView">;

/** Where a customer is signed in, and signing them out. */
export function SignInsPart({ userId }: { userId: string }) {
  const { t } = useLingui();
  const sessions = useInfiniteQuery(sessionsQuery(userId));
  const [ending, setEnding] = useState<Session | "all" | null>(null);
  const some = sessions.data?.pages.some((page) => page.items.length > 0);
  return (
    <Panel
      flush
      title={<Trans>Signed in</Trans>}
      actions={
        some && (
          <Allowed to="sessions:manage">
            <Button small onClick={() => setEnding("all")}>
              <Trans>Sign out everywhere</Trans>
            </Button>
          </Allowed>
        )
      }
    >
      <List
        query={sessions}
        label={t`Signed in`}
        icon={<MonitorSmartphone />}
        empty={<Trans>Not signed in anywhere.</Trans>}
        rowKey={(one) => one.id}
        columns={[
          {
            key: "device",
            head: t`Device`,
            phone: "title",
            cell: (one) => <span title={one.user_agent}>{deviceName(one.user_agent) ?? t`Unknown program`}</span>,
          },
          { key: "ip", head: t`Address`, cell: (one) => <span dir="ltr">{one.ip || "–"}</span> },
          { key: "since", head: t`Since`, cell: (one) => <Time at={one.created_at} /> },
          {
            key: "used",
            head: t`Last used`,
            numeric: true,
            phone: "hidden",
            cell: (one) => <Time at={one.last_used_at} />,
          },
          {
            key: "end",
            head: "",
            numeric: true,
            phone: "end",
            cell: (one) => (
              <Allowed to="sessions:manage">
                <Button small kind="quiet" onClick={() => setEnding(one)}>
                  <Trans>Sign out</Trans>
                </Button>
              </Allowed>
            ),
          },
        ]}
      />
      {ending && <SignOutDialog userId={userId} session={ending} onClose={() => setEnding(null)} />}
    </Panel>
  );
}

function SignOutDialog({
  userId,
  session,
  onClose,
}: {
  userId: string;
  session: Session | "all";
  onClose: () => void;
}) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (reason: string) =>
      body(
        api.POST("/api/admin/users/{user_id}/sign-out", {
          params: { path: { user_id: userId } },
          body: session === "all" ? { reason } : { reason, session_id: session.id },
        }),
      ),
    onSuccess: async () => {
      toast(t`Signed out.`);
      onClose();
      await queries.invalidateQueries({ queryKey: keys.admin.sessions(userId) });
    },
  });
  return (
    <ReasonDialog
      title={session === "all" ? <Trans>Sign out everywhere</Trans> : <Trans>Sign out</Trans>}
      action={<Trans>Sign out</Trans>}
      change={change}
      onClose={onClose}
    >
      <p>
        <Trans>
          Browsers and programs that are signed in have to sign in again. Credentials of the proxy go on working.
        </Trans>
      </p>
    </ReasonDialog>
  );
}
