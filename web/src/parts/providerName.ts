import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";

/** The payment providers that the platform comes with. */
export const PROVIDERS: Record<string, MessageDescriptor> = {
  mock: msg`Test provider`,
  stripe: msg`Stripe`,
};

/** Give what names a payment provider. One that an operator added keeps its own word. */
export function useProviderName(): (provider: string) => string {
  const { i18n } = useLingui();
  return (provider) => {
    const name = PROVIDERS[provider];
    return name ? i18n._(name) : provider;
  };
}
