import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import type { ReactNode } from "react";
import type { Schema } from "@/api/client";
import { meQuery } from "@/api/queries";
import { Facts } from "@/design/Facts";
import { Time } from "@/design/Values";
import { Amount, kindOf } from "./Amount";
import { useCodeName } from "./codeName";

/** A transaction with all its lines, what it used, and its place in the sealed books. `use` shows the records of what it used. */
export function TransactionDetails({ found, use }: { found: Schema<"TransactionView">; use?: ReactNode }) {
  const { t } = useLingui();
  const codeName = useCodeName();
  const party = useParty();
  const note = found.meta.note ?? found.meta.reason;
  return (
    <div className="grid gap-6">
      <Facts
        facts={[
          [t`What`, codeName(found.code)],
          [t`When`, <Time key="at" at={found.happened_at} />],
          [t`State`, found.status === "applied" ? t`Booked` : t`Refused`],
          ...(note ? ([[t`Note`, note]] as const) : []),
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
                {party(leg.debit)} <span aria-hidden="true">→</span>
                <span className="sr-only">
                  <Trans>to</Trans>
                </span>{" "}
                {party(leg.credit)}
              </span>
              <span className="flex flex-wrap gap-x-2">
                <Amount kind={kindOf(leg.asset)} asset={leg.asset} amount={leg.amount} />
                {kindOf(leg.asset) === "access" && <span className="text-text-3">{leg.asset}</span>}
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
          {use ?? (
            <ul className="divide-y divide-line rounded-control border border-line">
              {found.use.map((one) => (
                <li
                  key={`${one.session_id}${one.sequence}`}
                  className="flex flex-wrap justify-between gap-x-4 px-3 py-2"
                >
                  <code>{one.session_id}</code>
                  <span>{one.units}</span>
                </li>
              ))}
            </ul>
          )}
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

/** Name who is on a side of a line: whoever reads it, the platform, or somebody else by id. */
function useParty(): (party: string) => string {
  const { t } = useLingui();
  const me = useQuery(meQuery);
  return (party) => (party === "platform" ? "Tollway" : party === me.data?.id ? t`You` : party);
}
