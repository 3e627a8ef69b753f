import { Trans } from "@lingui/react/macro";
import { PageHead } from "@/design/Panel";
import { DeletePanel } from "./DeletePanel";
import { EmailPanel } from "./EmailPanel";
import { ExportPanel } from "./ExportPanel";
import { NotificationsPanel } from "./NotificationsPanel";
import { PasswordPanel } from "./PasswordPanel";
import { ProfilePanel } from "./ProfilePanel";
import { SessionsPanel } from "./SessionsPanel";

/** What belongs to the person. */
export function AccountPage() {
  return (
    <>
      <PageHead title={<Trans>Account</Trans>} />
      <div className="grid items-start gap-6 lg:grid-cols-2">
        <ProfilePanel />
        <EmailPanel />
        <PasswordPanel />
        <NotificationsPanel />
      </div>
      <SessionsPanel />
      <ExportPanel />
      <DeletePanel />
    </>
  );
}
