import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";

/** The kinds of transactions: what the services declare in the chart of accounts, and what the ledger posts itself. */
export const CODE_NAMES: Record<string, MessageDescriptor> = {
  deposit: msg`Deposit`,
  buy: msg`Purchase`,
  use: msg`Use`,
  give: msg`Gift`,
  expire: msg`Expired`,
  refund: msg`Refund`,
  chargeback: msg`Chargeback`,
  settle: msg`Debt settled`,
  correct: msg`Correction`,
  forfeit: msg`Given up`,
  hold: msg`Reserved`,
  release: msg`Reservation ended`,
  hold_expired: msg`Reservation expired`,
  reverse: msg`Reversal`,
  issue: msg`Put up for sale`,
  define: msg`Asset defined`,
  open: msg`Accounts opened`,
};

/** Those that a customer's statement shows. */
export const STATEMENT_CODES = [
  "deposit",
  "buy",
  "use",
  "give",
  "expire",
  "refund",
  "chargeback",
  "settle",
  "correct",
  "forfeit",
] as const;

/** Give what names the kind of a transaction: "buy" is a purchase. An unknown kind keeps its own word. */
export function useCodeName(): (code: string) => string {
  const { i18n } = useLingui();
  return (code) => {
    const name = CODE_NAMES[code];
    return name ? i18n._(name) : code.replaceAll("_", " ");
  };
}
