import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { Facts } from "@/design/Facts";
import { TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { Time } from "@/design/Values";
import { UserState } from "./CustomersPage";
import { auditQuery, userQuery } from "./queries";

/** One customer: state, what happened, and what an operator can do. */
export function CustomerDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useLingui();
  const user = useQuery(userQuery(id));
  const trail = useInfiniteQuery(auditQuery({ subject: id }));
  const entries = useMemo(() => trail.data?.pages.flatMap((page) => page.items) ?? [], [trail.data]);
  return (
    <Dialog side title={user.data?.email ?? <Trans>Customer</Trans>} onClose={onClose}>
      <Loaded query={user}>
        {(found) => (
          <div className="grid gap-6">
            <Facts
              facts={[
                [t`State`, <UserState key="state" state={found.state} />],
                [t`Roles`, found.roles.join(", ")],
                [t`E-mail confirmed`, found.email_verified ? t`Yes` : t`No`],
                [t`Since`, <Time key="since" at={found.created_at} />],
                [
                  t`Id`,
                  <code key="id" className="select-all">
                    {found.id}
                  </code>,
                ],
              ]}
            />
            <StateChange user={found} />
            <section className="grid gap-2">
              <div className="flex items-center justify-between">
                <h3 className="font-medium">
                  <Trans>What happened</Trans>
                </h3>
                <Link to="/operate/audit" search={{ subject: id }} className="text-sm text-accent hover:underline">
                  <Trans>Open in the audit trail</Trans>
                </Link>
              </div>
              <Loaded query={trail}>
                {() => (
                  <ol className="grid gap-2">
                    {entries.map((entry) => (
                      <li
                        key={entry.sequence}
                        className="flex flex-wrap justify-between gap-x-4 border-s-2 border-line ps-3"
                      >
                        <span>
                          {entry.topic}
                          {entry.actor !== id && <span className="text-text-3"> · {entry.actor}</span>}
                        </span>
                        <span className="text-sm text-text-3">
                          <Time at={entry.at} />
                        </span>
                      </li>
                    ))}
                  </ol>
                )}
              </Loaded>
            </section>
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}

function StateChange({ user }: { user: Schema<"UserView"> }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [reason, setReason] = useState("");
  const suspended = user.state === "suspended";
  const path = { user_id: user.id };
  const change = useMutation({
    mutationFn: () =>
      suspended
        ? body(api.POST("/api/admin/users/{user_id}/restore", { params: { path }, body: { reason } }))
        : body(api.POST("/api/admin/users/{user_id}/suspend", { params: { path }, body: { reason } })),
    onSuccess: async () => {
      setReason("");
      await queries.invalidateQueries({ queryKey: ["admin"] });
      toast(
        suspended
          ? t`The account can be used again.`
          : t`The account is suspended. Its sessions and connections have ended.`,
      );
    },
  });
  return (
    <form
      className="grid gap-3 rounded-control bg-sunken p-4"
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <TextField
        label={suspended ? t`Why is it restored?` : t`Why is it suspended?`}
        hint={t`It is written into the audit trail.`}
        required
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      {change.error && <ProblemNotice error={change.error} />}
      <div>
        <Button type="submit" kind={suspended ? "primary" : "danger"} busy={change.isPending} disabled={!reason.trim()}>
          {suspended ? <Trans>Restore the account</Trans> : <Trans>Suspend the account</Trans>}
        </Button>
      </div>
    </form>
  );
}
