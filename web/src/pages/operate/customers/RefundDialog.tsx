import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, newIdempotencyKey, type Schema } from "@/api/client";
import { TextField } from "@/design/Field";
import { ReasonDialog } from "@/design/ReasonDialog";
import { toast } from "@/design/toast";
import { Money } from "@/design/Values";
import { isAmount } from "./amount";

/** Send a deposit, or a part of it, back to the payer. */
export function RefundDialog({
  deposit,
  email,
  onClose,
}: {
  deposit: Schema<"ReviewedView">;
  email: string;
  onClose: () => void;
}) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [key] = useState(newIdempotencyKey);
  const [amount, setAmount] = useState("");
  const good = amount === "" || isAmount(amount);
  const change = useMutation({
    mutationFn: (reason: string) =>
      body(
        api.POST("/api/admin/deposits/{deposit_id}/refund", {
          params: { path: { deposit_id: deposit.id }, header: { "idempotency-key": key } },
          body: amount === "" ? { reason } : { reason, amount },
        }),
      ),
    onSuccess: async () => {
      toast(t`The refund is on its way.`);
      onClose();
      await queries.invalidateQueries({ queryKey: ["admin"] });
    },
  });
  return (
    <ReasonDialog
      title={<Trans>Refund a deposit</Trans>}
      action={<Trans>Refund it</Trans>}
      name={email}
      change={{ ...change, mutate: (reason) => good && change.mutate(reason) }}
      onClose={onClose}
    >
      <p>
        <Trans>
          The deposit was <Money amount={deposit.amount} currency={deposit.currency} />, of which{" "}
          <Money amount={deposit.refunded} currency={deposit.currency} /> went back. What the customer has spent of it
          is owed.
        </Trans>
      </p>
      <TextField
        label={t`Amount`}
        inputMode="decimal"
        autoComplete="off"
        value={amount}
        onChange={(event) => setAmount(event.target.value)}
        end={<span className="pe-2">{deposit.currency}</span>}
        error={good ? undefined : t`Enter an amount such as 2 or 2.20.`}
        hint={t`Leave it empty to refund all that is left.`}
      />
    </ReasonDialog>
  );
}
