import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";

/** The tiers of the products that the platform comes with. */
export const TIERS: Record<string, MessageDescriptor> = {
  budget: msg`Budget`,
  standard: msg`Standard`,
  premium: msg`Premium`,
};

/** Give what names a tier. One that an operator made keeps its own word. */
export function useTierName(): (tier: string) => string {
  const { i18n } = useLingui();
  return (tier) => {
    const name = TIERS[tier];
    return name ? i18n._(name) : tier;
  };
}
