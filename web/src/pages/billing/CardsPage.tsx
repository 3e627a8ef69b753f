import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CreditCard } from "lucide-react";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { ConfirmDialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { toast } from "@/design/toast";
import { Time } from "@/design/Values";
import { cardName } from "@/parts/cardName";
import { paymentMethodsQuery } from "./queries";

type Method = Schema<"MethodView">;

export function CardsPage() {
  const { t } = useLingui();
  const queries = useQueryClient();
  const methods = useQuery(paymentMethodsQuery);
  const [removing, setRemoving] = useState<Method | null>(null);
  const remove = useMutation({
    mutationFn: (method: Method) =>
      body(api.DELETE("/api/billing/payment-methods/{method_id}", { params: { path: { method_id: method.id } } })),
    onSuccess: async () => {
      setRemoving(null);
      await queries.invalidateQueries({ queryKey: keys.paymentMethods() });
      toast(t`The card is deleted.`);
    },
  });
  return (
    <Panel flush title={<Trans>Saved cards</Trans>}>
      <Loaded query={methods}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={<CreditCard />}>
              <Trans>No saved card. You can pay without saving one.</Trans>
            </EmptyState>
          ) : (
            <Table
              label={t`Saved cards`}
              rows={all}
              rowKey={(one) => one.id}
              columns={[
                { key: "card", head: t`Card`, phone: "title", cell: cardName },
                {
                  key: "expires",
                  head: t`Expires`,
                  cell: (one) => `${String(one.exp_month).padStart(2, "0")}/${one.exp_year}`,
                },
                { key: "saved", head: t`Saved`, phone: "hidden", cell: (one) => <Time at={one.created_at} /> },
                {
                  key: "delete",
                  head: "",
                  numeric: true,
                  phone: "end",
                  cell: (one) => (
                    <Button small kind="quiet" onClick={() => setRemoving(one)}>
                      <Trans>Delete</Trans>
                    </Button>
                  ),
                },
              ]}
            />
          )
        }
      </Loaded>
      {removing && (
        <ConfirmDialog
          title={<Trans>Delete {cardName(removing)}?</Trans>}
          action={<Trans>Delete</Trans>}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(removing)}
          onClose={() => setRemoving(null)}
        >
          <p>
            <Trans>Payments with {cardName(removing)} need its number again.</Trans>
          </p>
        </ConfirmDialog>
      )}
    </Panel>
  );
}
