import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ReceiptText } from "lucide-react";
import { useMemo, useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { Facts } from "@/design/Facts";
import { Loaded } from "@/design/Loaded";
import { MoreButton } from "@/design/MoreButton";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { StepList } from "@/design/StepList";
import { Table } from "@/design/Table";
import { Bytes, Money, Time } from "@/design/Values";
import { AssetName } from "@/parts/AssetName";
import { OrderState } from "@/parts/OrderState";
import { ORDER_STEPS } from "@/parts/orderStep";
import { ordersQuery } from "./queries";

type Order = Schema<"OrderView">;

export function OrdersPage() {
  const { t } = useLingui();
  const orders = useInfiniteQuery(ordersQuery);
  const rows = useMemo(() => orders.data?.pages.flatMap((page) => page.items) ?? [], [orders.data]);
  const [shown, setShown] = useState<Order | null>(null);
  return (
    <Panel flush>
      <Loaded query={orders}>
        {() =>
          rows.length === 0 ? (
            <EmptyState icon={<ReceiptText />}>
              <Trans>No orders yet.</Trans>
            </EmptyState>
          ) : (
            <Table
              label={t`Orders`}
              rows={rows}
              rowKey={(one) => one.id}
              onOpen={setShown}
              columns={[
                { key: "at", head: t`When`, phone: "detail", cell: (one) => <Time at={one.created_at} /> },
                { key: "asset", head: t`Product`, phone: "title", cell: (one) => <AssetName code={one.asset} /> },
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
          )
        }
      </Loaded>
      <MoreButton query={orders} />
      {shown && <OrderDrawer order={shown} onClose={() => setShown(null)} />}
    </Panel>
  );
}

function OrderDrawer({ order, onClose }: { order: Order; onClose: () => void }) {
  const { t, i18n } = useLingui();
  const queries = useQueryClient();
  const path = { order_id: order.id };
  const detail = useQuery({
    queryKey: keys.order(order.id),
    queryFn: () => body(api.GET("/api/orders/{order_id}", { params: { path } })),
  });
  const cancel = useMutation({
    mutationFn: () => body(api.DELETE("/api/orders/{order_id}", { params: { path } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.orders() }),
  });
  return (
    <Dialog
      side
      title={<Trans>Order</Trans>}
      onClose={onClose}
      footer={
        detail.data?.state === "placed" && (
          <Button busy={cancel.isPending} onClick={() => cancel.mutate()}>
            <Trans>Cancel the order</Trans>
          </Button>
        )
      }
    >
      <Loaded query={detail}>
        {(found) => (
          <div className="grid gap-6">
            <Facts
              facts={[
                [t`Product`, <AssetName key="asset" code={found.asset} />],
                [t`Quantity`, <Bytes key="quantity" count={found.quantity} />],
                [t`Price`, <Money key="price" amount={found.price} currency={found.currency} />],
                [t`Fee`, <Money key="fee" amount={found.fee} currency={found.currency} />],
                [
                  t`Total`,
                  <b key="total">
                    <Money amount={found.total} currency={found.currency} />
                  </b>,
                ],
                [t`State`, <OrderState key="state" state={found.state} />],
                ...(found.reason ? ([[t`Reason`, found.reason]] as const) : []),
                ...(found.lot_expires_at
                  ? ([[t`Use until`, <Time key="expires" at={found.lot_expires_at} />]] as const)
                  : []),
                [t`Id`, <code key="id">{found.id}</code>],
              ]}
            />
            <StepList
              steps={found.steps.map((step) => ({
                key: `${step.state}${step.at}`,
                name: i18n._(ORDER_STEPS[step.state]),
                at: step.at,
              }))}
            />
            {cancel.error && <ProblemNotice error={cancel.error} />}
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}
