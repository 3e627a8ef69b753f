import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { api, body, newIdempotencyKey } from "@/api/client";
import { Problem } from "@/api/problem";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { fieldProblem } from "@/pages/entry/fieldProblem";

interface Wanted {
  asset: string;
  name: string;
  description: string;
  tier: string;
  currency: string;
  price: string;
}

/** Add a product. It is hidden until it is put on sale, and nothing of it is sold before capacity is up for sale. */
export function AddProductDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [key] = useState(newIdempotencyKey);
  const form = useForm<Wanted>({
    defaultValues: { asset: "", name: "", description: "", tier: "standard", currency: "USD", price: "" },
  });
  const add = useMutation({
    mutationFn: ({ currency, price, ...product }: Wanted) =>
      body(
        api.POST("/api/admin/catalog/products", {
          params: { header: { "idempotency-key": key } },
          body: { ...product, active: false, prices: { [currency]: price } },
        }),
      ),
    onSuccess: async () => {
      toast(t`The product is added. Put capacity up, then put it on sale.`);
      onClose();
      await queries.invalidateQueries({ queryKey: ["admin", "catalog"] });
    },
  });
  const problem = add.error instanceof Problem ? add.error : null;
  const { errors } = form.formState;
  const error = (field: keyof Wanted) => errors[field]?.message ?? fieldProblem(problem, field);
  const submit = form.handleSubmit((wanted) => add.mutate(wanted));
  return (
    <Dialog
      title={<Trans>Add a product</Trans>}
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
          <Trans>It is hidden at first. The asset can never be changed: the books count in it.</Trans>
        </p>
        <TextField
          label={t`Asset`}
          placeholder="bandwidth.residential.premium"
          spellCheck={false}
          error={error("asset")}
          {...form.register("asset", {
            required: t`Enter a name such as bandwidth.residential.premium.`,
            pattern: {
              value: /^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$/,
              message: t`Enter a name such as bandwidth.residential.premium.`,
            },
          })}
        />
        <TextField
          label={t`Name`}
          maxLength={100}
          error={error("name")}
          {...form.register("name", { required: t`Enter what customers read.` })}
        />
        <TextField
          label={t`Description`}
          maxLength={1000}
          error={error("description")}
          {...form.register("description")}
        />
        <TextField
          label={t`Tier`}
          maxLength={40}
          error={error("tier")}
          {...form.register("tier", { required: true })}
        />
        <div className="grid grid-cols-[1fr_7rem] gap-3">
          <TextField
            label={t`List price of 1 GB`}
            inputMode="decimal"
            error={error("price") ?? fieldProblem(problem, "prices")}
            {...form.register("price", {
              required: t`Enter an amount such as 2 or 2.20.`,
              pattern: { value: /^\d{1,9}(\.\d{1,6})?$/, message: t`Enter an amount such as 2 or 2.20.` },
            })}
          />
          <TextField
            label={t`Currency`}
            maxLength={3}
            error={error("currency")}
            {...form.register("currency", {
              pattern: { value: /^[A-Z]{3}$/, message: t`Three letters, such as USD.` },
            })}
          />
        </div>
        {problem && problem.errors.length === 0 && <ProblemNotice error={problem} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
