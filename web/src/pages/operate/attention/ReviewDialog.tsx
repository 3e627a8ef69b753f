import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { Facts } from "@/design/Facts";
import { SelectField, TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { Money, Time } from "@/design/Values";

type Review = Schema<"ReviewedView">;
type Resolve = Schema<"Resolve">;

/** End the review of a deposit. Why is written into the audit trail. */
export function ReviewDialog({ deposit, onClose }: { deposit: Review; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const form = useForm<Resolve>({ defaultValues: { outcome: "credit", payment: deposit.payment ?? "", reason: "" } });
  const resolve = useMutation({
    mutationFn: (decision: Resolve) =>
      body(
        api.POST("/api/admin/deposits/{deposit_id}/resolve", {
          params: { path: { deposit_id: deposit.id } },
          body: decision,
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keys.admin.overview("payments") });
      toast(t`The review is ended.`);
      onClose();
    },
  });
  const submit = form.handleSubmit((decision) => resolve.mutate(decision));
  return (
    <Dialog
      title={<Trans>Review a deposit</Trans>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={resolve.isPending} onClick={submit}>
            <Trans>End the review</Trans>
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={submit}>
        <Facts
          facts={[
            [t`Amount`, <Money key="amount" amount={deposit.amount} currency={deposit.currency} />],
            [t`Customer`, <code key="user">{deposit.user_id}</code>],
            [t`Since`, <Time key="since" at={deposit.created_at} />],
            [t`Reason`, deposit.reason ?? "–"],
          ]}
        />
        <SelectField
          label={t`Decision`}
          options={[
            { value: "credit", label: t`Credit it: the provider took the money` },
            { value: "dismiss", label: t`Dismiss it: no money came` },
          ]}
          {...form.register("outcome")}
        />
        <TextField label={t`Payment at the provider`} {...form.register("payment")} />
        <TextField
          label={t`Why`}
          hint={t`It is written into the audit trail.`}
          error={form.formState.errors.reason?.message}
          {...form.register("reason", { required: t`Say why.` })}
        />
        {resolve.error && <ProblemNotice error={resolve.error} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
