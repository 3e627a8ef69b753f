import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, newIdempotencyKey } from "@/api/client";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { SelectField, TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { Money } from "@/design/Values";
import { isZero } from "@/format/decimal";
import { isAmount } from "./amount";
import { accountsQuery } from "./queries";

/** Give a customer money, or take it, with the reason. One key for as long as the dialog is open, so a second click books nothing. */
export function CorrectionDialog({ userId, email, onClose }: { userId: string; email: string; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const accounts = useQuery(accountsQuery(userId));
  const cash = accounts.data?.filter((one) => one.kind === "money") ?? [];
  const [key] = useState(newIdempotencyKey);
  const [direction, setDirection] = useState<"credit" | "debit">("credit");
  const [chosen, setChosen] = useState("");
  const [amount, setAmount] = useState("");
  const [reason, setReason] = useState("");
  const currency = chosen || cash.find((one) => !isZero(one.balance))?.asset || cash[0]?.asset || "";
  const account = cash.find((one) => one.asset === currency);
  const good = isAmount(amount);
  const change = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/admin/corrections", {
          params: { header: { "idempotency-key": key } },
          body: { user_id: userId, currency, direction, amount, reason: reason.trim() },
        }),
      ),
    onSuccess: async () => {
      toast(t`The correction is booked.`);
      onClose();
      await queries.invalidateQueries({ queryKey: ["admin"] });
    },
  });
  const ready = good && reason.trim() !== "" && currency !== "";
  const submit = () => {
    if (ready && !change.isPending) change.mutate();
  };
  return (
    <Dialog
      title={<Trans>Correct the wallet of {email}</Trans>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button
            kind={direction === "credit" ? "primary" : "danger"}
            disabled={!ready}
            busy={change.isPending}
            onClick={submit}
          >
            {direction === "credit" ? <Trans>Give it</Trans> : <Trans>Take it</Trans>}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <SelectField
          label={t`What`}
          value={direction}
          onChange={(event) => setDirection(event.target.value === "debit" ? "debit" : "credit")}
          options={[
            { value: "credit", label: t`Give money` },
            { value: "debit", label: t`Take money` },
          ]}
        />
        <SelectField
          label={t`Currency`}
          value={currency}
          onChange={(event) => setChosen(event.target.value)}
          options={cash.map((one) => ({ value: one.asset, label: one.asset }))}
        />
        <TextField
          label={t`Amount`}
          inputMode="decimal"
          autoComplete="off"
          value={amount}
          onChange={(event) => setAmount(event.target.value)}
          end={<span className="pe-2">{currency}</span>}
          error={amount !== "" && !good ? t`Enter an amount such as 2 or 2.20.` : undefined}
          hint={
            account && (
              <Trans>
                Available now: <Money amount={account.available} currency={account.asset} />. What is given settles
                first what is owed.
              </Trans>
            )
          }
        />
        <TextField
          label={t`Why`}
          hint={t`It is written into the audit trail.`}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        {change.error && <ProblemNotice error={change.error} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
