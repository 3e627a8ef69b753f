import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CreditCard } from "lucide-react";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { api, body, newIdempotencyKey } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { SelectField, TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { fieldProblem } from "@/pages/entry/fieldProblem";
import { cardName } from "@/parts/cardName";
import { accountsQuery, cashOf, paymentMethodsQuery } from "./queries";

const NEW_CARD = "";
const AMOUNTS = ["10", "25", "50", "100"];

interface TopUp {
  amount: string;
  currency: string;
  method: string;
}

/** Pay into the wallet: with a saved card here, or on the provider's own page. */
export function TopUpDialog({
  amount = "25",
  currency,
  onClose,
}: {
  amount?: string;
  currency?: string;
  onClose: () => void;
}) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const accounts = useQuery(accountsQuery);
  const methods = useQuery(paymentMethodsQuery);
  const currencies = accounts.data?.filter((account) => account.kind === "money").map((account) => account.asset) ?? [];
  const usual = currency ?? (accounts.data ? cashOf(accounts.data)?.asset : undefined) ?? "";
  const form = useForm<TopUp>({
    values: { amount, currency: usual, method: NEW_CARD },
    resetOptions: { keepDirtyValues: true },
  });
  // One key for what this dialog wants: pressing twice, or trying again after a lost answer, pays once.
  const [key, setKey] = useState(newIdempotencyKey);
  const pay = useMutation({
    mutationFn: ({ amount: wanted, currency: chosen, method }: TopUp) =>
      body(
        api.POST("/api/wallet/deposit", {
          params: { header: { "idempotency-key": key } },
          body: {
            amount: wanted,
            currency: chosen,
            checkout: method === NEW_CARD,
            ...(method ? { payment_method: method } : {}),
          },
        }),
      ),
    onSuccess: async (deposit) => {
      if (deposit?.action_url) {
        window.location.assign(deposit.action_url);
        return;
      }
      await Promise.all([
        queries.invalidateQueries({ queryKey: keys.accounts() }),
        queries.invalidateQueries({ queryKey: keys.deposits() }),
      ]);
      toast(t`The money is in your wallet.`);
      onClose();
    },
    onError: (error) => {
      // What was refused is decided; another amount or card is another payment.
      if (error instanceof Problem && !error.offline && error.status < 500) setKey(newIdempotencyKey());
    },
  });
  const problem = pay.error instanceof Problem ? pay.error : null;
  const amountError = form.formState.errors.amount?.message ?? fieldProblem(problem, "amount");
  const submit = form.handleSubmit((wanted) => pay.mutate(wanted));
  return (
    <Dialog
      title={<Trans>Top up the wallet</Trans>}
      onClose={onClose}
      locked={pay.isPending}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={pay.isPending} icon={<CreditCard className="size-4" />} onClick={submit}>
            {form.watch("method") === NEW_CARD ? <Trans>Go to the card page</Trans> : <Trans>Pay now</Trans>}
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={submit}>
        <div className="grid grid-cols-4 gap-2">
          {AMOUNTS.map((preset) => (
            <Button key={preset} onClick={() => form.setValue("amount", preset, { shouldValidate: true })}>
              {preset}
            </Button>
          ))}
        </div>
        <div className="grid grid-cols-[minmax(0,2fr)_minmax(0,1fr)] gap-3">
          <TextField
            label={t`Amount`}
            inputMode="decimal"
            error={amountError}
            {...form.register("amount", {
              pattern: { value: /^\d{1,9}(\.\d{1,3})?$/, message: t`Enter an amount such as 25 or 12.50.` },
              required: t`Enter an amount.`,
            })}
          />
          <SelectField
            label={t`Currency`}
            options={currencies.map((code) => ({ value: code, label: code }))}
            {...form.register("currency")}
          />
        </div>
        <SelectField
          label={t`Pay with`}
          options={[
            ...(methods.data ?? []).map((method) => ({
              value: method.id,
              label: cardName(method),
            })),
            { value: NEW_CARD, label: t`Another card, on the provider's page` },
          ]}
          {...form.register("method")}
        />
        {problem && !amountError && <ProblemNotice error={problem} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
