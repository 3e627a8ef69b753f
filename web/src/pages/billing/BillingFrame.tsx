import { Trans, useLingui } from "@lingui/react/macro";
import { Outlet } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "@/design/Button";
import { PageHead } from "@/design/Panel";
import { Tabs } from "@/design/Tabs";
import { TopUpDialog } from "./TopUpDialog";

/** The pages about money. Topping up is one click away on each of them. */
export function BillingFrame() {
  const { t } = useLingui();
  const [paying, setPaying] = useState(false);
  return (
    <>
      <PageHead
        title={<Trans>Billing</Trans>}
        actions={
          <Button kind="primary" icon={<Plus className="size-4" />} onClick={() => setPaying(true)}>
            <Trans>Top up</Trans>
          </Button>
        }
      />
      <Tabs
        label={t`Billing`}
        tabs={[
          { to: "/billing", name: t`Overview`, exact: true },
          { to: "/billing/catalogue", name: t`Catalogue` },
          { to: "/billing/orders", name: t`Orders` },
          { to: "/billing/statement", name: t`Statement` },
          { to: "/billing/cards", name: t`Cards` },
        ]}
      />
      <Outlet />
      {paying && <TopUpDialog onClose={() => setPaying(false)} />}
    </>
  );
}
