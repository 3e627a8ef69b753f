import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";

/** Suspend an account, or restore it. Why is written into the audit trail. */
export function StateChange({ user }: { user: Schema<"UserView"> }) {
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
