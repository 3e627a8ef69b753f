import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { assetsQuery } from "@/api/catalog";
import { api, body, newIdempotencyKey, type Schema } from "@/api/client";
import { Problem } from "@/api/problem";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Table } from "@/design/Table";
import { toast } from "@/design/toast";
import { Bytes, Money } from "@/design/Values";
import { fieldProblem } from "@/pages/entry/fieldProblem";
import { Allowed } from "@/parts/Allowed";
import { OnSalePanels } from "./OnSalePanels";

type Asset = Schema<"AssetView">;

/** What is on sale, at which price, and how much of it. */
export function PricesPage() {
  const { t } = useLingui();
  const assets = useQuery(assetsQuery(""));
  const [pricing, setPricing] = useState<Asset | null>(null);
  const [adding, setAdding] = useState<Asset | null>(null);
  return (
    <>
      <PageHead
        title={<Trans>Prices and capacity</Trans>}
        lead={<Trans>A new price is for new quotes; quotes that are open keep theirs.</Trans>}
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
                  { key: "tier", head: t`Tier`, cell: (one) => one.tier },
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
      {pricing?.price && <PriceDialog asset={pricing} price={pricing.price} onClose={() => setPricing(null)} />}
      {adding && <CapacityDialog asset={adding} onClose={() => setAdding(null)} />}
    </>
  );
}

function PriceDialog({ asset, price, onClose }: { asset: Asset; price: Schema<"PriceView">; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const form = useForm({ defaultValues: { list_price: price.list_price } });
  const change = useMutation({
    mutationFn: ({ list_price }: { list_price: string }) =>
      body(api.PATCH("/api/admin/prices", { body: { asset: asset.asset, currency: price.currency, list_price } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["catalog"] });
      toast(t`The new price is in force.`);
      onClose();
    },
  });
  const problem = change.error instanceof Problem ? change.error : null;
  const submit = form.handleSubmit((wanted) => change.mutate(wanted));
  return (
    <Dialog
      title={<Trans>Price of {asset.name}</Trans>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={change.isPending} onClick={submit}>
            <Trans>Set the price</Trans>
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={submit}>
        <p className="text-text-2">
          <Trans>
            Now <Money amount={price.list_price} currency={price.currency} /> for <Bytes count={price.lot_units} />. New
            orders pay the new price at once.
          </Trans>
        </p>
        <TextField
          label={t`New list price`}
          inputMode="decimal"
          end={<span className="pe-2">{price.currency}</span>}
          error={form.formState.errors.list_price?.message ?? fieldProblem(problem, "list_price")}
          {...form.register("list_price", {
            pattern: { value: /^\d{1,9}(\.\d{1,6})?$/, message: t`Enter an amount such as 2 or 2.20.` },
          })}
        />
        {problem && problem.errors.length === 0 && <ProblemNotice error={problem} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}

const GB = 1_000_000_000n;

function CapacityDialog({ asset, onClose }: { asset: Asset; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [key] = useState(newIdempotencyKey);
  const form = useForm({ defaultValues: { gigabytes: "" } });
  const issue = useMutation({
    mutationFn: ({ gigabytes }: { gigabytes: string }) =>
      body(
        api.POST("/api/admin/capacity", {
          params: { header: { "idempotency-key": key } },
          body: { asset: asset.asset, quantity: (BigInt(gigabytes) * GB).toString() },
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["catalog"] });
      toast(t`More is up for sale.`);
      onClose();
    },
  });
  const submit = form.handleSubmit((wanted) => issue.mutate(wanted));
  return (
    <Dialog
      title={<Trans>Capacity of {asset.name}</Trans>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={issue.isPending} onClick={submit}>
            <Trans>Put up for sale</Trans>
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={submit}>
        <p className="text-text-2">
          <Trans>
            <Bytes count={asset.capacity_units} /> so far.
          </Trans>
        </p>
        <TextField
          label={t`Add`}
          inputMode="numeric"
          end={<span className="pe-2">GB</span>}
          error={form.formState.errors.gigabytes?.message}
          {...form.register("gigabytes", {
            pattern: { value: /^[1-9]\d{0,8}$/, message: t`Enter a whole number of gigabytes.` },
            required: t`Enter a whole number of gigabytes.`,
          })}
        />
        {issue.error && <ProblemNotice error={issue.error} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
