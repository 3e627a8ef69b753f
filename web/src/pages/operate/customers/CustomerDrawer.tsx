import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { Facts } from "@/design/Facts";
import { Loaded } from "@/design/Loaded";
import { PartTabs } from "@/design/PartTabs";
import { Time } from "@/design/Values";
import { Allowed, useMay } from "@/parts/Allowed";
import { AccessPart } from "./AccessPart";
import { HistoryPart } from "./HistoryPart";
import { MailsPart } from "./MailsPart";
import { MoneyPart } from "./MoneyPart";
import { OrdersPart } from "./OrdersPart";
import { PaymentsPart } from "./PaymentsPart";
import { NEEDS, PARTS, type Part } from "./parts";
import { userQuery } from "./queries";
import { RolesDialog } from "./RolesDialog";
import { SignInsPart } from "./SignInsPart";
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
  const may = useMay();
  const labels: Record<Part, string> = {
    overview: t`Account`,
    money: t`Money`,
    payments: t`Payments`,
    orders: t`Orders`,
    access: t`Access`,
    signins: t`Sign-ins`,
    mails: t`E-mails`,
    history: t`History`,
  };
  return (
    <Dialog side wide title={user.data?.email ?? <Trans>Customer</Trans>} onClose={onClose}>
      <div className="grid gap-5">
        <PartTabs
          label={t`About this customer`}
          value={part}
          onChange={onPart}
          parts={PARTS.filter((one) => may(NEEDS[one])).map((value) => ({ value, label: labels[value] }))}
        />
        {part === "overview" && <Loaded query={user}>{(found) => <AccountPart user={found} />}</Loaded>}
        {part === "money" && <MoneyPart userId={id} />}
        {part === "payments" && (
          <Loaded query={user}>{(found) => <PaymentsPart userId={id} email={found.email} />}</Loaded>
        )}
        {part === "orders" && <OrdersPart userId={id} />}
        {part === "access" && <AccessPart userId={id} />}
        {part === "signins" && <SignInsPart userId={id} />}
        {part === "mails" && <MailsPart userId={id} />}
        {part === "history" && <HistoryPart userId={id} />}
      </div>
    </Dialog>
  );
}

function AccountPart({ user }: { user: Schema<"UserView"> }) {
  const { t } = useLingui();
  const [changing, setChanging] = useState(false);
  return (
    <div className="grid gap-6">
      <Facts
        facts={[
          [t`State`, <UserState key="state" state={user.state} />],
          [
            t`Roles`,
            <span key="roles" className="inline-flex flex-wrap items-center gap-3">
              {user.roles.join(", ")}
              <Allowed to="users:manage">
                <Button small kind="quiet" onClick={() => setChanging(true)}>
                  <Trans>Change</Trans>
                </Button>
              </Allowed>
            </span>,
          ],
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
      <Allowed to="users:manage">{user.state !== "deleted" && <StateChange user={user} />}</Allowed>
      {changing && <RolesDialog user={user} onClose={() => setChanging(false)} />}
    </div>
  );
}
