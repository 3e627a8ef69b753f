import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ArrowLeft, ReceiptText } from "lucide-react";
import { useState } from "react";
import { Button } from "@/design/Button";
import { Facts } from "@/design/Facts";
import { SelectField } from "@/design/Field";
import { List } from "@/design/List";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { StepList } from "@/design/StepList";
import { Bytes, Money, Time } from "@/design/Values";
import { AssetName } from "@/parts/AssetName";
import { OrderState } from "@/parts/OrderState";
import { ORDER_STEPS } from "@/parts/orderStep";
import { type OrderSearch, orderQuery, ordersQuery } from "./queries";

/** The orders of a customer, and the steps that each took. */
export function OrdersPart({ userId }: { userId: string }) {
  const { t } = useLingui();
  const [shown, setShown] = useState("");
  const [state, setState] = useState<OrderSearch["state"]>(undefined);
  const [sort, setSort] = useState<OrderSearch["sort"]>(undefined);
  const orders = useInfiniteQuery({
    ...ordersQuery({ user_id: userId, state, sort }),
    placeholderData: (before) => before,
  });
  if (shown) return <OneOrder id={shown} onBack={() => setShown("")} />;
  return (
    <Panel
      flush
      title={<Trans>Orders</Trans>}
      actions={
        <>
          <SelectField
            label={<span className="sr-only">{t`State`}</span>}
            value={state ?? ""}
            onChange={(event) => setState((event.target.value || undefined) as OrderSearch["state"])}
            options={[
              { value: "", label: t`All` },
              { value: "filled", label: t`Delivered` },
              { value: "failed", label: t`Failed` },
              { value: "cancelled", label: t`Cancelled` },
              { value: "placed", label: t`Placed` },
              { value: "funds_held", label: t`Money reserved` },
              { value: "allocated", label: t`Allocated` },
              { value: "releasing", label: t`Being undone` },
            ]}
          />
          <SelectField
            label={<span className="sr-only">{t`Order of the list`}</span>}
            value={sort ?? "-created_at"}
            onChange={(event) => setSort(event.target.value as OrderSearch["sort"])}
            options={[
              { value: "-created_at", label: t`Newest first` },
              { value: "created_at", label: t`Oldest first` },
            ]}
          />
        </>
      }
    >
      <List
        query={orders}
        label={t`Orders`}
        icon={<ReceiptText />}
        empty={<Trans>No order matches.</Trans>}
        rowKey={(one) => one.id}
        onOpen={(one) => setShown(one.id)}
        columns={[
          { key: "at", head: t`When`, cell: (one) => <Time at={one.created_at} /> },
          { key: "asset", head: t`Asset`, phone: "title", cell: (one) => <AssetName code={one.asset} /> },
          { key: "quantity", head: t`Quantity`, numeric: true, cell: (one) => <Bytes count={one.quantity} /> },
          { key: "state", head: t`State`, phone: "end", cell: (one) => <OrderState state={one.state} /> },
          {
            key: "total",
            head: t`Total`,
            numeric: true,
            phone: "end",
            cell: (one) => <Money amount={one.total} currency={one.currency} />,
          },
        ]}
      />
    </Panel>
  );
}

function OneOrder({ id, onBack }: { id: string; onBack: () => void }) {
  const { t, i18n } = useLingui();
  const order = useQuery(orderQuery(id));
  return (
    <div className="grid gap-4">
      <div>
        <Button small kind="quiet" icon={<ArrowLeft className="size-4 rtl:rotate-180" />} onClick={onBack}>
          <Trans>Back to the orders</Trans>
        </Button>
      </div>
      <Loaded query={order}>
        {(found) => (
          <div className="grid gap-6">
            <Facts
              facts={[
                [t`Asset`, <AssetName key="asset" code={found.asset} />],
                [t`Quantity`, <Bytes key="quantity" count={found.quantity} />],
                [t`Price`, <Money key="price" amount={found.price} currency={found.currency} />],
                [t`Fee`, <Money key="fee" amount={found.fee} currency={found.currency} />],
                [t`Total`, <Money key="total" amount={found.total} currency={found.currency} />],
                [t`State`, <OrderState key="state" state={found.state} />],
                [t`Reason`, found.reason ?? "–"],
                [t`Transaction`, <code key="transaction">{found.transaction_id ?? "–"}</code>],
                [
                  t`Id`,
                  <code key="id" className="select-all">
                    {found.id}
                  </code>,
                ],
              ]}
            />
            <StepList
              steps={found.steps.map((step) => ({
                key: `${step.state}${step.at}`,
                name: i18n._(ORDER_STEPS[step.state]),
                at: step.at,
              }))}
            />
          </div>
        )}
      </Loaded>
    </div>
  );
}
