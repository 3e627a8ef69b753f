import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";

/** What an account is for: as the services declare it in the chart of accounts. */
export const PURPOSES: Record<string, MessageDescriptor> = {
  available: msg`To spend or use`,
  consumed: msg`Used`,
  inventory: msg`For sale`,
  issuance: msg`Put up for sale`,
  expired: msg`Expired unused`,
  forfeited: msg`Given up with an account`,
  shortfall: msg`Shortfall`,
  breakage: msg`Earned from what expired`,
  deferred: msg`Paid, not used yet`,
  fee: msg`Fees`,
  revenue: msg`Earned from use`,
  clearing: msg`At the payment provider`,
  debt: msg`Owed by the customer`,
  dispute: msg`Reclaimed by banks`,
  adjustment: msg`Corrections`,
};

/** Give what names the purpose of an account. One that only a newer platform knows keeps its own word. */
export function usePurposeName(): (purpose: string) => string {
  const { i18n } = useLingui();
  return (purpose) => {
    const name = PURPOSES[purpose];
    return name ? i18n._(name) : purpose.replaceAll("_", " ");
  };
}
