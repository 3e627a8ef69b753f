import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { api, body, newIdempotencyKey, type Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { Bytes } from "@/design/Values";
import { ChangePreview } from "./ChangePreview";
import { GIGABYTES, unitsOf } from "./gigabytes";
import { capacityPreviewQuery } from "./queries";

/** Put more of an asset up for sale. What that does to the price is computed by the platform before it is done. */
export function CapacityDialog({ asset, onClose }: { asset: Schema<"AssetView">; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [key] = useState(newIdempotencyKey);
  const form = useForm({ defaultValues: { gigabytes: "" } });
  const typed = form.watch("gigabytes").trim();
  const issue = useMutation({
    mutationFn: ({ gigabytes }: { gigabytes: string }) =>
      body(
        api.POST("/api/admin/capacity", {
          params: { header: { "idempotency-key": key } },
          body: { asset: asset.asset, quantity: unitsOf(gigabytes) },
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["catalog"] });
      toast(t`More is up for sale.`);
      onClose();
    },
  });
  const submit = form.handleSubmit((wanted) => issue.mutate(wanted));
  return (
    <Dialog
      title={<Trans>Capacity of {asset.name}</Trans>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={issue.isPending} onClick={submit}>
            <Trans>Put up for sale</Trans>
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={submit}>
        <p className="text-text-2">
          <Trans>
            <Bytes count={asset.capacity_units} /> so far.
          </Trans>
        </p>
        <TextField
          label={t`Add`}
          inputMode="numeric"
          end={<span className="pe-2">GB</span>}
          error={form.formState.errors.gigabytes?.message}
          {...form.register("gigabytes", {
            pattern: { value: GIGABYTES, message: t`Enter a whole number of gigabytes.` },
            required: t`Enter a whole number of gigabytes.`,
          })}
        />
        {GIGABYTES.test(typed) && <ChangePreview query={capacityPreviewQuery(asset.asset, unitsOf(typed))} />}
        {issue.error && <ProblemNotice error={issue.error} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
