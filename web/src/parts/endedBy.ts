import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";

/** Why a connection ended, by the terminate cause of RFC 2866. */
export const TERMINATE_CAUSES: Record<string, MessageDescriptor> = {
  "User-Request": msg`The client or the target closed it`,
  "Lost-Carrier": msg`The connection was lost`,
  "Idle-Timeout": msg`Nothing moved for too long`,
  "Session-Timeout": msg`It had lasted as long as it may`,
  "Admin-Reset": msg`The access, its credential or the account was stopped, or somebody ended it`,
  "NAS-Reboot": msg`The proxy node restarted`,
  "NAS-Error": msg`The proxy node failed`,
  Quota: msg`Nothing was left`,
};

/** Give why a connection ended. A cause that only a newer platform knows keeps its own word. */
export function useEndedBy(): (cause: string) => string {
  const { i18n } = useLingui();
  return (cause) => {
    const name = TERMINATE_CAUSES[cause];
    return name ? i18n._(name) : cause || "–";
  };
}
