import { Plural, Trans } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Loaded } from "@/design/Loaded";
import { SkeletonRows } from "@/design/Skeleton";
import { Bytes, Money } from "@/design/Values";
import type { pricePreviewQuery } from "./queries";

/** What a change would do, as the platform counts it. */
export function ChangePreview({ query }: { query: ReturnType<typeof pricePreviewQuery> }) {
  const preview = useQuery({ ...query, placeholderData: keepPreviousData });
  return (
    <section
      aria-live="polite"
      className={`grid gap-1.5 rounded-control bg-sunken p-4 text-sm ${preview.isPlaceholderData ? "opacity-60" : ""}`}
    >
      <h3 className="font-medium">
        <Trans>What this does</Trans>
      </h3>
      <Loaded query={preview} skeleton={<SkeletonRows />}>
        {(found) => (
          <>
            <p>
              <Trans>
                <Bytes count={found.lot_units} />: <Money amount={found.ask_now} currency={found.currency} /> now,{" "}
                <b>
                  <Money amount={found.ask_then} currency={found.currency} />
                </b>{" "}
                afterwards.
              </Trans>
            </p>
            <p className="text-text-2">
              <Plural
                value={found.open_quotes}
                _0="No quote is open."
                one="# open quote keeps the price that it has."
                other="# open quotes keep the price that they have."
              />{" "}
              <Plural
                value={found.open_orders}
                _0="No order is under way."
                one="# order under way is settled at its own price."
                other="# orders under way are settled at their own prices."
              />{" "}
              {found.customers > 0 && (
                <Plural value={found.customers} one="They are of # customer." other="They are of # customers." />
              )}
            </p>
            <p className="text-text-2">
              <Trans>What customers hold stays theirs. How many of them hold some is not counted here.</Trans>
            </p>
          </>
        )}
      </Loaded>
    </section>
  );
}
