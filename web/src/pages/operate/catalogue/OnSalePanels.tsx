import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { api, body } from "@/api/client";
import { Button } from "@/design/Button";
import { ConfirmDialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Status } from "@/design/Status";
import { Table } from "@/design/Table";
import { toast } from "@/design/toast";
import { Bytes } from "@/design/Values";
import { formatBytes } from "@/format/bytes";
import { Allowed } from "@/parts/Allowed";
import { AddPlanDialog } from "./AddPlanDialog";
import { plansQuery, productsQuery } from "./queries";

/** Something that is on sale or not: a product by its asset, a plan by its id. */
interface OnSale {
  kind: "product" | "plan";
  id: string;
  name: string;
  active: boolean;
}

/** The products and plans, those that are not on sale as well, and taking them off. */
export function OnSalePanels() {
  const { t, i18n } = useLingui();
  const products = useQuery(productsQuery);
  const plans = useQuery(plansQuery);
  const [changing, setChanging] = useState<OnSale | null>(null);
  const [addingPlan, setAddingPlan] = useState(false);
  const productName = (asset: string) => products.data?.find((one) => one.asset === asset)?.name ?? asset;
  const state = (active: boolean) =>
    active ? <Status tone="ok">{t`On sale`}</Status> : <Status tone="off">{t`Not on sale`}</Status>;
  const button = (one: OnSale) => (
    <Allowed to="products:manage">
      <Button small kind="quiet" onClick={() => setChanging(one)}>
        {one.active ? <Trans>Take off sale</Trans> : <Trans>Put on sale</Trans>}
      </Button>
    </Allowed>
  );
  return (
    <>
      <Panel flush title={<Trans>Products</Trans>}>
        <Loaded query={products}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState>
                <Trans>There is no product.</Trans>
              </EmptyState>
            ) : (
              <Table
                label={t`Products`}
                rows={all}
                rowKey={(one) => one.asset}
                columns={[
                  { key: "name", head: t`Name`, phone: "title", cell: (one) => one.name },
                  { key: "asset", head: t`Asset`, cell: (one) => <code>{one.asset}</code> },
                  {
                    key: "protocols",
                    head: t`Protocol`,
                    phone: "hidden",
                    cell: (one) => one.protocols.map((protocol) => protocol.toUpperCase()).join(", "),
                  },
                  { key: "state", head: t`State`, phone: "end", cell: (one) => state(one.active) },
                  {
                    key: "change",
                    head: "",
                    numeric: true,
                    phone: "end",
                    cell: (one) => button({ kind: "product", id: one.asset, name: one.name, active: one.active }),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
      <Panel
        flush
        title={<Trans>Plans</Trans>}
        actions={
          products.data &&
          products.data.length > 0 && (
            <Allowed to="products:manage">
              <Button small icon={<Plus className="size-4" />} onClick={() => setAddingPlan(true)}>
                <Trans>Add a plan</Trans>
              </Button>
            </Allowed>
          )
        }
      >
        <Loaded query={plans}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState>
                <Trans>There is no plan. Customers buy by the amount.</Trans>
              </EmptyState>
            ) : (
              <Table
                label={t`Plans`}
                rows={all}
                rowKey={(one) => one.id}
                columns={[
                  { key: "quantity", head: t`Quantity`, phone: "title", cell: (one) => <Bytes count={one.quantity} /> },
                  {
                    key: "product",
                    head: t`Product`,
                    cell: (one) => <span title={one.asset}>{productName(one.asset)}</span>,
                  },
                  { key: "state", head: t`State`, phone: "end", cell: (one) => state(one.active) },
                  {
                    key: "change",
                    head: "",
                    numeric: true,
                    phone: "end",
                    cell: (one) =>
                      button({
                        kind: "plan",
                        id: one.id,
                        name: `${formatBytes(one.quantity, i18n.locale)} · ${productName(one.asset)}`,
                        active: one.active,
                      }),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
      {addingPlan && products.data && <AddPlanDialog products={products.data} onClose={() => setAddingPlan(false)} />}
      {changing && <OnSaleDialog one={changing} onClose={() => setChanging(null)} />}
    </>
  );
}

function OnSaleDialog({ one, onClose }: { one: OnSale; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const active = !one.active;
  const change = useMutation({
    mutationFn: async () => {
      if (one.kind === "product") {
        const path = { asset: one.id };
        await body(api.PATCH("/api/admin/catalog/products/{asset}", { params: { path }, body: { active } }));
      } else {
        const path = { plan_id: one.id };
        await body(api.PATCH("/api/admin/catalog/plans/{plan_id}", { params: { path }, body: { active } }));
      }
    },
    onSuccess: async () => {
      toast(active ? t`It is on sale.` : t`It is off sale.`);
      onClose();
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["admin", "catalog"] }),
        queries.invalidateQueries({ queryKey: ["catalog"] }),
      ]);
    },
  });
  return (
    <ConfirmDialog
      title={one.active ? <Trans>Take {one.name} off sale</Trans> : <Trans>Put {one.name} on sale</Trans>}
      action={one.active ? <Trans>Take off sale</Trans> : <Trans>Put on sale</Trans>}
      busy={change.isPending}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      <p>
        {one.active ? (
          <Trans>Nobody can buy it from now on. What customers hold of it stays theirs and works on.</Trans>
        ) : (
          <Trans>Customers see it in the catalogue and can buy it at once.</Trans>
        )}
      </p>
      {change.error && <ProblemNotice error={change.error} />}
    </ConfirmDialog>
  );
}
