import { useLingui } from "@lingui/react/macro";

/** Give what names a tier. One that an operator made keeps its own word. */
export function useTierName(): (tier: string) => string {
  const { t } = useLingui();
  const names: Record<string, string> = { budget: t`Budget`, standard: t`Standard`, premium: t`Premium` };
  return (tier) => names[tier] ?? tier;
}
