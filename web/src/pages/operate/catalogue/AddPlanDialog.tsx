import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { api, body, newIdempotencyKey, type Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { SelectField, TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { GIGABYTES, unitsOf } from "./gigabytes";

/** Add a plan: so much of a product, bought at once. */
export function AddPlanDialog({
  products,
  onClose,
}: {
  products: readonly Schema<"ProductView">[];
  onClose: () => void;
}) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [key] = useState(newIdempotencyKey);
  const form = useForm({ defaultValues: { asset: products[0]?.asset ?? "", gigabytes: "" } });
  const add = useMutation({
    mutationFn: ({ asset, gigabytes }: { asset: string; gigabytes: string }) =>
      body(
        api.POST("/api/admin/catalog/plans", {
          params: { header: { "idempotency-key": key } },
          body: { asset, quantity: unitsOf(gigabytes) },
        }),
      ),
    onSuccess: async () => {
      toast(t`The plan is on sale.`);
      onClose();
      await queries.invalidateQueries({ queryKey: ["admin", "catalog"] });
    },
  });
  const submit = form.handleSubmit((wanted) => add.mutate(wanted));
  return (
    <Dialog
      title={<Trans>Add a plan</Trans>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={add.isPending} onClick={submit}>
            <Trans>Add it</Trans>
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={submit}>
        <p className="text-text-2">
          <Trans>Customers see it at once. It costs what its quantity costs when it is bought.</Trans>
        </p>
        <SelectField
          label={t`Product`}
          options={products.map((one) => ({ value: one.asset, label: one.name }))}
          {...form.register("asset")}
        />
        <TextField
          label={t`Quantity`}
          inputMode="numeric"
          end={<span className="pe-2">GB</span>}
          error={form.formState.errors.gigabytes?.message}
          {...form.register("gigabytes", {
            pattern: { value: GIGABYTES, message: t`Enter a whole number of gigabytes.` },
            required: t`Enter a whole number of gigabytes.`,
          })}
        />
        {add.error && <ProblemNotice error={add.error} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
