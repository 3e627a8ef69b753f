import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Minus, Plus } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { api, body, newIdempotencyKey, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { Button, IconButton } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Skeleton } from "@/design/Skeleton";
import { toast } from "@/design/toast";
import { Bytes, Countdown, Money } from "@/design/Values";
import { compare, subtract } from "@/format/decimal";
import { accountsQuery } from "./queries";
import { TopUpDialog } from "./TopUpDialog";

type Asset = Schema<"AssetView">;
type Quote = Schema<"QuoteView">;

const QUOTE_AFTER_MS = 300;
const LOOK_AGAIN_MS = 4_000;

/** Choose a quantity, see a price that is kept for a while, buy. The price is asked for again when it runs out. */
export function BuyDialog({ asset, currency, onClose }: { asset: Asset; currency: string; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const lot = BigInt(asset.lot_units);
  const min = BigInt(asset.min_units);
  const max = BigInt(asset.max_units);
  const [quantity, setQuantity] = useState(lot > min ? lot : min);
  const [expired, setExpired] = useState(false);
  // The price that ran out, to say whether the new one is another.
  const [before, setBefore] = useState<Quote | null>(null);
  const [toppingUp, setToppingUp] = useState(false);
  const [key, setKey] = useState(newIdempotencyKey);
  // Money that is being paid in may arrive while the dialog is open.
  const accounts = useQuery({ ...accountsQuery, refetchInterval: LOOK_AGAIN_MS });
  const cash = accounts.data?.find((account) => account.kind === "money" && account.asset === currency);

  const quote = useMutation({
    mutationFn: (units: bigint) =>
      body(
        api.POST("/api/orders/quote", {
          body: { asset: asset.asset, currency, quantity: units.toString(), side: "buy" },
        }),
      ),
    onSuccess: (found) => {
      setExpired(false);
      setBefore((last) => (last?.quantity === found.quantity ? last : null));
    },
  });
  const { mutate: getQuote } = quote;
  const last = useRef<Quote>(undefined);
  last.current = quote.data ?? last.current;
  const runOut = useCallback(() => {
    setExpired(true);
    setBefore(last.current ?? null);
  }, []);
  useEffect(() => {
    // Typing through quantities asks for the price of the one that is left standing.
    const timer = window.setTimeout(() => getQuote(quantity), QUOTE_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, [quantity, getQuote]);

  const buy = useMutation({
    mutationFn: (wanted: Quote) =>
      body(api.POST("/api/orders", { params: { header: { "idempotency-key": key } }, body: { quote_id: wanted.id } })),
    onSuccess: async () => {
      await Promise.all([
        queries.invalidateQueries({ queryKey: keys.accounts() }),
        queries.invalidateQueries({ queryKey: keys.portfolio() }),
        queries.invalidateQueries({ queryKey: keys.orders() }),
        queries.invalidateQueries({ queryKey: keys.proxyStatus() }),
      ]);
      toast(t`Bought. You can use it now.`);
      onClose();
    },
    onError: async (error) => {
      if (!(error instanceof Problem) || error.offline || error.status >= 500) return;
      setKey(newIdempotencyKey());
      // The money went elsewhere meanwhile: what is short is shown, with the way to pay it in.
      if (error.status === 402) await queries.invalidateQueries({ queryKey: keys.accounts() });
      if (error.code === "quote_stale" || error.code === "price_exceeded") runOut();
    },
  });

  const current = quote.data && quote.data.quantity === quantity.toString() ? quote.data : undefined;
  const short =
    current && cash && compare(cash.available, current.total) < 0 ? subtract(current.total, cash.available) : undefined;
  const step = (by: bigint) => {
    const next = quantity + by;
    setQuantity(next < min ? min : next > max ? max : next);
  };

  if (toppingUp)
    return (
      <TopUpDialog
        currency={currency}
        {...(short ? { amount: roundUp(short) } : {})}
        onClose={() => setToppingUp(false)}
      />
    );
  return (
    <Dialog
      title={<Trans>Buy {asset.name}</Trans>}
      onClose={onClose}
      locked={buy.isPending}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          {short ? (
            <Button kind="primary" onClick={() => setToppingUp(true)}>
              <Trans>
                Top up <Money amount={roundUp(short)} currency={currency} />
              </Trans>
            </Button>
          ) : expired ? (
            <Button kind="primary" busy={quote.isPending} onClick={() => getQuote(quantity)}>
              <Trans>Get a new price</Trans>
            </Button>
          ) : (
            <Button
              kind="primary"
              disabled={!current}
              busy={buy.isPending}
              onClick={() => current && buy.mutate(current)}
            >
              <Trans>Buy</Trans>
            </Button>
          )}
        </>
      }
    >
      <div className="grid gap-5">
        <div className="flex items-center justify-between gap-4">
          <span className="font-medium">
            <Trans>Quantity</Trans>
          </span>
          <span className="flex items-center gap-2">
            <IconButton label={t`Less`} disabled={quantity <= min} onClick={() => step(-lot)}>
              <Minus className="size-4" />
            </IconButton>
            <output className="min-w-24 text-center text-md font-semibold">
              <Bytes count={quantity} />
            </output>
            <IconButton label={t`More`} disabled={quantity >= max} onClick={() => step(lot)}>
              <Plus className="size-4" />
            </IconButton>
          </span>
        </div>
        <div className="flex flex-wrap gap-2">
          {[1n, 5n, 10n, 50n, 100n].map((lots) => (
            <Button key={lots.toString()} small onClick={() => setQuantity(lots * lot > max ? max : lots * lot)}>
              <Bytes count={lots * lot} />
            </Button>
          ))}
        </div>
        <div className="rounded-control bg-sunken p-4" aria-live="polite">
          {current ? (
            <>
              <div className="flex items-baseline justify-between gap-4">
                <span className="text-text-2">
                  <Trans>Total</Trans>
                </span>
                <span className="text-lg font-semibold">
                  <Money amount={current.total} currency={currency} />
                </span>
              </div>
              <div className="mt-1 flex justify-between gap-4 text-sm text-text-3">
                <span>
                  <Trans>
                    Fee <Money amount={current.fee} currency={currency} />
                  </Trans>
                </span>
                {expired ? (
                  <span className="text-warn">
                    <Trans>The price has run out.</Trans>
                  </span>
                ) : (
                  <span>
                    <Trans>
                      kept for <Countdown until={current.expires_at} onEnd={runOut} />
                    </Trans>
                  </span>
                )}
              </div>
            </>
          ) : (
            <Skeleton className="h-12 w-full" />
          )}
        </div>
        {current && before && !expired && compare(before.total, current.total) !== 0 && (
          <p role="status" className="text-warn">
            <Trans>
              The price changed while you decided: <Money amount={before.total} currency={currency} /> before,{" "}
              <Money amount={current.total} currency={currency} /> now.
            </Trans>
          </p>
        )}
        {short && (
          <p className="text-warn">
            <Trans>
              <Money amount={short} currency={currency} /> short.
            </Trans>
          </p>
        )}
        {quote.error && <ProblemNotice error={quote.error} onRetry={() => getQuote(quantity)} />}
        {buy.error && !buy.isPending && <ProblemNotice error={buy.error} />}
      </div>
    </Dialog>
  );
}

/** The next whole unit of money: nobody tops up 3.217. */
function roundUp(amount: string): string {
  const [whole = "0", fraction = ""] = amount.split(".");
  return /[1-9]/.test(fraction) ? (BigInt(whole) + 1n).toString() : whole;
}
