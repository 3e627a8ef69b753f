import { Trans, useLingui } from "@lingui/react/macro";
import { ShieldCheck } from "lucide-react";
import type { Schema } from "@/api/client";
import { Facts } from "@/design/Facts";
import { Time } from "@/design/Values";
import { useCodeName } from "./codeName";

/** A transaction with all its lines, what it used, and its place in the sealed books. */
export function TransactionDetails({ found }: { found: Schema<"TransactionView"> }) {
  const { t } = useLingui();
  const codeName = useCodeName();
  return (
    <div className="grid gap-6">
      <Facts
        facts={[
          [t`What`, codeName(found.code)],
          [t`When`, <Time key="at" at={found.happened_at} />],
          [t`State`, found.status],
          [
            t`Id`,
            <code key="id" className="select-all">
              {found.id}
            </code>,
          ],
        ]}
      />
      <section className="grid gap-2">
        <h3 className="font-medium">
          <Trans>Lines</Trans>
        </h3>
        <ul className="divide-y divide-line rounded-control border border-line">
          {found.legs.map((leg) => (
            <li
              key={`${leg.debit}${leg.credit}${leg.amount}${leg.kind}`}
              className="flex flex-wrap justify-between gap-x-4 px-3 py-2"
            >
              <span className="text-text-2">
                {leg.debit} → {leg.credit}
              </span>
              <span>
                {leg.amount} {leg.asset}
              </span>
            </li>
          ))}
        </ul>
      </section>
      {found.use.length > 0 && (
        <section className="grid gap-2">
          <h3 className="font-medium">
            <Trans>Use</Trans>
          </h3>
          <ul className="divide-y divide-line rounded-control border border-line">
            {found.use.map((use) => (
              <li key={use.session_id} className="flex flex-wrap justify-between gap-x-4 px-3 py-2">
                <code>{use.session_id}</code>
                <span>{use.units}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {found.seal ? (
        <p className="flex items-start gap-2 text-ok">
          <ShieldCheck className="mt-0.5 size-4 shrink-0" aria-hidden="true" />
          <Trans>Sealed as number {found.seal.number}: it can no longer be changed without it being seen.</Trans>
        </p>
      ) : (
        <p className="text-text-3">
          <Trans>It is sealed within a few seconds.</Trans>
        </p>
      )}
    </div>
  );
}
