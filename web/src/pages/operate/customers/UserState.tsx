import { useLingui } from "@lingui/react/macro";
import { Status } from "@/design/Status";

/** Whether an account can be used. */
export function UserState({ state }: { state: string }) {
  const { t } = useLingui();
  if (state === "active") return <Status tone="ok">{t`Active`}</Status>;
  if (state === "suspended") return <Status tone="bad">{t`Suspended`}</Status>;
  if (state === "deleting") return <Status tone="warn">{t`About to be deleted`}</Status>;
  if (state === "deleted") return <Status tone="off">{t`Deleted`}</Status>;
  return <Status tone="off">{state}</Status>;
}
