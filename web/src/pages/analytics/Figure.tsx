import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";

/** One number of a period, and how it changed since the period before; `change` in per cent, null: nothing to compare with. */
export function Figure({ name, value, change }: { name: ReactNode; value: ReactNode; change: number | null }) {
  const { i18n } = useLingui();
  const percent = new Intl.NumberFormat(i18n.locale, {
    style: "percent",
    maximumFractionDigits: 1,
    signDisplay: "exceptZero",
  });
  const changed = change === null ? "" : percent.format(change / 100);
  return (
    <div className="grid content-start gap-0.5 rounded-card border border-line bg-surface px-4 py-3">
      <dt className="text-sm text-text-3">{name}</dt>
      <dd className="text-lg font-semibold tracking-tight">{value}</dd>
      <dd className="text-sm text-text-3">
        {change === null ? <Trans>Nothing in the period before</Trans> : <Trans>{changed} on the period before</Trans>}
      </dd>
    </div>
  );
}
