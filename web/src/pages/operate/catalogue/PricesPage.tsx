import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { assetsQuery } from "@/api/catalog";
import type { Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { Bytes, Money } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { useTierName } from "@/parts/tierName";
import { AddProductDialog } from "./AddProductDialog";
import { CapacityDialog } from "./CapacityDialog";
import { LocationsPanel } from "./LocationsPanel";
import { OnSalePanels } from "./OnSalePanels";
import { PriceDialog } from "./PriceDialog";

type Asset = Schema<"AssetView">;

/** What is on sale, at which price, and how much of it. */
export function PricesPage() {
  const { t } = useLingui();
  const tierName = useTierName();
  const assets = useQuery(assetsQuery(""));
  const [pricing, setPricing] = useState<Asset | null>(null);
  const [adding, setAdding] = useState<Asset | null>(null);
  const [product, setProduct] = useState(false);
  return (
    <>
      <PageHead
        title={<Trans>Prices and capacity</Trans>}
        lead={<Trans>A new price is for new quotes; quotes that are open keep theirs.</Trans>}
        actions={
          <Allowed to="products:manage">
            <Button icon={<Plus className="size-4" />} onClick={() => setProduct(true)}>
              <Trans>Add a product</Trans>
            </Button>
          </Allowed>
        }
      />
      <Panel flush>
        <Loaded query={assets}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState>
                <Trans>Nothing is on sale.</Trans>
              </EmptyState>
            ) : (
              <Table
                label={t`Assets`}
                rows={all}
                rowKey={(one) => one.asset}
                columns={[
                  { key: "name", head: t`Asset`, phone: "title", cell: (one) => one.name },
                  { key: "tier", head: t`Tier`, cell: (one) => tierName(one.tier) },
                  {
                    key: "list",
                    head: t`List price`,
                    numeric: true,
                    phone: "end",
                    cell: (one) => one.price && <Money amount={one.price.list_price} currency={one.price.currency} />,
                  },
                  {
                    key: "ask",
                    head: t`Price now`,
                    numeric: true,
                    cell: (one) => one.price && <Money amount={one.price.ask} currency={one.price.currency} />,
                  },
                  {
                    key: "left",
                    head: t`Left to sell`,
                    numeric: true,
                    cell: (one) => (one.available_units === null ? "–" : <Bytes count={one.available_units} />),
                  },
                  {
                    key: "capacity",
                    head: t`Capacity`,
                    numeric: true,
                    phone: "hidden",
                    cell: (one) => <Bytes count={one.capacity_units} />,
                  },
                  {
                    key: "change",
                    head: "",
                    numeric: true,
                    phone: "end",
                    cell: (one) => (
                      <span className="inline-flex gap-1">
                        <Allowed to="prices:manage">
                          <Button small kind="quiet" onClick={() => setPricing(one)}>
                            <Trans>Price</Trans>
                          </Button>
                        </Allowed>
                        <Allowed to="capacity:manage">
                          <Button small kind="quiet" onClick={() => setAdding(one)}>
                            <Trans>Capacity</Trans>
                          </Button>
                        </Allowed>
                      </span>
                    ),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
      <OnSalePanels />
      <LocationsPanel />
      {product && <AddProductDialog onClose={() => setProduct(false)} />}
      {pricing?.price && <PriceDialog asset={pricing} price={pricing.price} onClose={() => setPricing(null)} />}
      {adding && <CapacityDialog asset={adding} onClose={() => setAdding(null)} />}
    </>
  );
}
