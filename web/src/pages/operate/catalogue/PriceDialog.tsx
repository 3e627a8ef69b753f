import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { api, body, type Schema } from "@/api/client";
import { Problem } from "@/api/problem";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { Bytes, Money } from "@/design/Values";
import { fieldProblem } from "@/pages/entry/fieldProblem";
import { isAmount } from "../customers/amount";
import { ChangePreview } from "./ChangePreview";
import { pricePreviewQuery } from "./queries";

/** List an asset at another price. What that does is counted by the platform before it is done. */
export function PriceDialog({
  asset,
  price,
  onClose,
}: {
  asset: Schema<"AssetView">;
  price: Schema<"PriceView">;
  onClose: () => void;
}) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const form = useForm({ defaultValues: { list_price: price.list_price, reason: "" } });
  const typed = form.watch("list_price").trim();
  const change = useMutation({
    mutationFn: (wanted: { list_price: string; reason: string }) =>
      body(api.PATCH("/api/admin/prices", { body: { asset: asset.asset, currency: price.currency, ...wanted } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["catalog"] });
      toast(t`The new price is in force.`);
      onClose();
    },
  });
  const problem = change.error instanceof Problem ? change.error : null;
  const submit = form.handleSubmit((wanted) => change.mutate(wanted));
  return (
    <Dialog
      title={<Trans>Price of {asset.name}</Trans>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={change.isPending} onClick={submit}>
            <Trans>Set the price</Trans>
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={submit}>
        <p className="text-text-2">
          <Trans>
            Now <Money amount={price.list_price} currency={price.currency} /> for <Bytes count={price.lot_units} />. New
            orders pay the new price at once.
          </Trans>
        </p>
        <TextField
          label={t`New list price`}
          inputMode="decimal"
          end={<span className="pe-2">{price.currency}</span>}
          error={form.formState.errors.list_price?.message ?? fieldProblem(problem, "list_price")}
          {...form.register("list_price", {
            pattern: { value: /^\d{1,9}(\.\d{1,6})?$/, message: t`Enter an amount such as 2 or 2.20.` },
          })}
        />
        {isAmount(typed) && typed !== price.list_price && (
          <ChangePreview query={pricePreviewQuery(asset.asset, price.currency, typed)} />
        )}
        <TextField
          label={t`Why`}
          hint={t`It is written into the audit trail.`}
          maxLength={500}
          error={form.formState.errors.reason?.message}
          {...form.register("reason", { required: t`Say why.` })}
        />
        {problem && problem.errors.length === 0 && <ProblemNotice error={problem} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
