import { useLingui } from "@lingui/react/macro";
import { Status } from "@/design/Status";

/** Whether an account can be used. */
export function UserState({ state }: { state: string }) {
  const { t } = useLingui();
  if (state === "active") return <Status tone="ok">{t`Active`}</Status>;
  if (state === "suspended") return <Status tone="bad">{t`Suspended`}</Status>;
  return <Status tone="off">{state}</Status>;
}
