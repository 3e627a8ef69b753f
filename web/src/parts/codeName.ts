import { useLingui } from "@lingui/react/macro";

/** The kinds of transactions that a statement shows. */
export const CODES = ["deposit", "buy", "use", "give", "expire", "refund", "settle", "correct"] as const;

/** Give what names the kind of a transaction: "buy" is a purchase. An unknown kind keeps its own word. */
export function useCodeName(): (code: string) => string {
  const { t } = useLingui();
  const names: Record<string, string> = {
    deposit: t`Deposit`,
    buy: t`Purchase`,
    use: t`Use`,
    hold: t`Reserved`,
    open: t`Accounts opened`,
    issue: t`Put up for sale`,
    give: t`Gift`,
    expire: t`Expired`,
    refund: t`Refund`,
    settle: t`Debt settled`,
    correct: t`Correction`,
  };
  return (code) => names[code] ?? code.replaceAll("_", " ");
}
