import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { PackageOpen } from "lucide-react";
import { useState } from "react";
import { assetsQuery } from "@/api/catalog";
import type { Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Segmented } from "@/design/Segmented";
import { Bytes, Money } from "@/design/Values";
import { formatDuration } from "@/format/time";
import { useTierName } from "@/parts/tierName";
import { BuyDialog } from "./BuyDialog";
import { PriceLine } from "./PriceLine";
import { accountsQuery, cashOf } from "./queries";

const route = getRouteApi("/_app/billing/catalogue");
type Asset = Schema<"AssetView">;

/** Everything on sale with its price now and how it moved. */
export function CataloguePage() {
  const accounts = useQuery(accountsQuery);
  const { t } = useLingui();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const currencies = accounts.data?.filter((account) => account.kind === "money").map((account) => account.asset) ?? [];
  const currency = search.currency ?? (accounts.data && cashOf(accounts.data)?.asset) ?? "";
  const assets = useQuery({ ...assetsQuery(currency), enabled: accounts.isFetchedAfterMount });
  const [buying, setBuying] = useState<Asset | null>(null);
  return (
    <>
      {currencies.length > 1 && (
        <div className="flex justify-end">
          <Segmented
            label={t`Currency`}
            value={currency}
            onChange={(code) => void navigate({ search: { currency: code }, replace: true })}
            options={currencies.map((code) => ({ value: code, label: code }))}
          />
        </div>
      )}
      <Loaded query={assets}>
        {(all) =>
          all.length === 0 ? (
            <Panel>
              <EmptyState icon={<PackageOpen />}>
                <Trans>Nothing is on sale at the moment.</Trans>
              </EmptyState>
            </Panel>
          ) : (
            <ul className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
              {all.map((asset) => (
                <li key={asset.asset}>
                  <AssetCard asset={asset} onBuy={() => setBuying(asset)} />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {buying?.price && <BuyDialog asset={buying} currency={buying.price.currency} onClose={() => setBuying(null)} />}
    </>
  );
}

function AssetCard({ asset, onBuy }: { asset: Asset; onBuy: () => void }) {
  const { t, i18n } = useLingui();
  const tierName = useTierName();
  const { price } = asset;
  const soldOut = asset.available_units === "0";
  return (
    <article className="flex h-full flex-col gap-4 rounded-card border border-line bg-surface p-5">
      <header>
        <div className="flex items-start justify-between gap-3">
          <h2 className="text-md font-semibold">{asset.name}</h2>
          <span className="rounded-chip bg-sunken px-1.5 py-0.5 text-xs font-medium text-text-2">
            {tierName(asset.tier)}
          </span>
        </div>
        <p className="mt-1 text-text-2">{asset.description}</p>
      </header>
      <p className="flex flex-wrap gap-x-4 text-sm text-text-3">
        <span>{asset.protocols.map((protocol) => protocol.toUpperCase()).join(", ")}</span>
        {asset.validity_s > 0 && (
          <span>
            <Trans>valid {formatDuration(asset.validity_s * 1000, i18n.locale)}</Trans>
          </span>
        )}
      </p>
      {price && <PriceLine asset={asset.asset} currency={price.currency} label={t`Price of ${asset.name} over time`} />}
      <footer className="mt-auto flex items-end justify-between gap-4">
        {price ? (
          <p>
            <span className="text-lg font-semibold tracking-tight">
              <Money amount={price.ask} currency={price.currency} />
            </span>{" "}
            <span className="text-text-3">
              <Trans>
                for <Bytes count={price.lot_units} />
              </Trans>
            </span>
          </p>
        ) : (
          <p className="text-text-3">
            <Trans>No price in your currency</Trans>
          </p>
        )}
        <Button kind="primary" disabled={!price || soldOut} onClick={onBuy}>
          {soldOut ? <Trans>Sold out</Trans> : <Trans>Buy</Trans>}
        </Button>
      </footer>
    </article>
  );
}
