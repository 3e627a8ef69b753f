import { useLingui } from "@lingui/react/macro";
import { Status, type StatusTone } from "@/design/Status";

/** How far an order is, in the words of a customer. */
export function OrderState({ state }: { state: string }) {
  const { t } = useLingui();
  const known: Record<string, readonly [StatusTone, string]> = {
    filled: ["ok", t`Delivered`],
    failed: ["bad", t`Failed`],
    cancelled: ["off", t`Cancelled`],
  };
  const [tone, word] = known[state] ?? (["wait", t`In progress`] as const);
  return <Status tone={tone}>{word}</Status>;
}
