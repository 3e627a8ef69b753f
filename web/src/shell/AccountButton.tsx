import { useLingui } from "@lingui/react/macro";
import { UserRound } from "lucide-react";
import { lazy, Suspense, useState } from "react";

const load = () => import("./AccountMenu");
const AccountMenu = lazy(async () => ({ default: (await load()).AccountMenu }));

export const ACCOUNT_BUTTON = "grid size-9 place-items-center rounded-full bg-accent-soft text-accent";

/** The button of the menu of what belongs to the person. The menu itself comes when somebody is about to open it. */
export function AccountButton(props: { email: string; operator: boolean }) {
  const { t } = useLingui();
  const [wanted, setWanted] = useState(false);
  const button = (
    <button
      type="button"
      aria-label={t`Your account`}
      aria-haspopup="menu"
      className={ACCOUNT_BUTTON}
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={() => setWanted(true)}
    >
      <UserRound className="size-4" aria-hidden="true" />
    </button>
  );
  if (!wanted) return button;
  return (
    <Suspense fallback={button}>
      <AccountMenu {...props} />
    </Suspense>
  );
}
