import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { Schema } from "@/api/client";
import { Dialog } from "@/design/Dialog";
import { Facts } from "@/design/Facts";
import { Loaded } from "@/design/Loaded";
import { PartTabs } from "@/design/PartTabs";
import { Time } from "@/design/Values";
import { AccessPart } from "./AccessPart";
import { HistoryPart } from "./HistoryPart";
import { MoneyPart } from "./MoneyPart";
import { OrdersPart } from "./OrdersPart";
import type { Part } from "./parts";
import { userQuery } from "./queries";
import { StateChange } from "./StateChange";
import { UserState } from "./UserState";

/** One customer, part by part: each part asks one service when it is opened. */
export function CustomerDrawer({
  id,
  part,
  onPart,
  onClose,
}: {
  id: string;
  part: Part;
  onPart: (part: Part) => void;
  onClose: () => void;
}) {
  const { t } = useLingui();
  const user = useQuery(userQuery(id));
  return (
    <Dialog side wide title={user.data?.email ?? <Trans>Customer</Trans>} onClose={onClose}>
      <div className="grid gap-5">
        <PartTabs
          label={t`About this customer`}
          value={part}
          onChange={onPart}
          parts={[
            { value: "overview", label: t`Account` },
            { value: "money", label: t`Money` },
            { value: "orders", label: t`Orders` },
            { value: "access", label: t`Access` },
            { value: "history", label: t`History` },
          ]}
        />
        {part === "overview" && <Loaded query={user}>{(found) => <AccountPart user={found} />}</Loaded>}
        {part === "money" && <MoneyPart userId={id} />}
        {part === "orders" && <OrdersPart userId={id} />}
        {part === "access" && <AccessPart userId={id} />}
        {part === "history" && <HistoryPart userId={id} />}
      </div>
    </Dialog>
  );
}

function AccountPart({ user }: { user: Schema<"UserView"> }) {
  const { t } = useLingui();
  return (
    <div className="grid gap-6">
      <Facts
        facts={[
          [t`State`, <UserState key="state" state={user.state} />],
          [t`Roles`, user.roles.join(", ")],
          [t`E-mail confirmed`, user.email_verified ? t`Yes` : t`No`],
          [t`Since`, <Time key="since" at={user.created_at} />],
          [
            t`Id`,
            <code key="id" className="select-all">
              {user.id}
            </code>,
          ],
        ]}
      />
      {user.state !== "deleted" && <StateChange user={user} />}
    </div>
  );
}
