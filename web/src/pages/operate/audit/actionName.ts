import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";

/** What somebody did, by the tag of the route that they called. */
export const ACTIONS: Record<string, MessageDescriptor> = {
  "access:connection:close": msg`Ended connections of their own`,
  "access:connection:end": msg`Ended a connection`,
  "access:credential:issue": msg`Issued a credential`,
  "access:credential:revoke": msg`Revoked a credential of their own`,
  "access:credential:rotate": msg`Rotated a credential`,
  "access:credential:withdraw": msg`Revoked a credential`,
  "access:policy:change": msg`Changed what their proxy lets through`,
  "access:proxy:connect": msg`Connected`,
  "access:proxy:disconnect": msg`Disconnected`,
  "access:resource:activate": msg`Activated an access`,
  "access:resource:change": msg`Changed an access`,
  "access:resource:create": msg`Made an access`,
  "access:resource:deactivate": msg`Deactivated an access`,
  "access:resource:delete": msg`Deleted an access`,
  "access:resource:resume": msg`Resumed an access`,
  "access:resource:stop": msg`Stopped an access`,
  "access:test:start": msg`Began a connection test`,
  "audit:trail:verify": msg`Had the audit trail verified`,
  "auth:email:change": msg`Asked for another e-mail address`,
  "auth:email:change_complete": msg`Confirmed another e-mail address`,
  "auth:email:change_refuse": msg`Refused another e-mail address`,
  "auth:email:resend": msg`Asked for the link once more`,
  "auth:email:verify": msg`Confirmed an e-mail address`,
  "auth:key:revoke": msg`Revoked a signing key`,
  "auth:key:rotate": msg`Rotated the signing key`,
  "auth:password:change": msg`Changed the password`,
  "auth:password:forgot": msg`Forgot the password`,
  "auth:password:reset": msg`Set a new password`,
  "auth:session:login": msg`Signed in`,
  "auth:session:logout": msg`Signed out`,
  "auth:session:refresh": msg`Refreshed a session`,
  "auth:session:revoke": msg`Ended a session of their own`,
  "auth:session:revoke_all": msg`Signed out everywhere`,
  "auth:session:sign_out": msg`Signed a customer out`,
  "auth:session:token": msg`Signed in as a program`,
  "auth:user:delete": msg`Asked to delete the account`,
  "auth:user:keep": msg`Kept the account`,
  "auth:user:register": msg`Registered`,
  "auth:user:restore": msg`Restored a customer`,
  "auth:user:roles": msg`Changed roles`,
  "auth:user:suspend": msg`Suspended a customer`,
  "catalog:capacity:issue": msg`Put capacity up for sale`,
  "catalog:plan:change": msg`Changed a plan`,
  "catalog:plan:create": msg`Added a plan`,
  "catalog:price:calculate": msg`Calculated a price`,
  "catalog:price:set": msg`Set a price`,
  "catalog:product:change": msg`Changed a product`,
  "catalog:product:create": msg`Added a product`,
  "ledger:books:verify": msg`Had the books verified`,
  "ledger:transaction:give": msg`Gave something to somebody`,
  "notifications:settings:change": msg`Changed e-mail settings`,
  "orders:order:cancel": msg`Cancelled an order`,
  "orders:order:create": msg`Ordered`,
  "orders:quote:create": msg`Asked for a quote`,
  "payments:correction:create": msg`Corrected a wallet`,
  "payments:deposit:create": msg`Paid in`,
  "payments:deposit:refund": msg`Refunded a deposit`,
  "payments:deposit:resolve": msg`Ended the review of a deposit`,
  "payments:method:create": msg`Saved a card`,
  "payments:method:delete": msg`Deleted a card`,
  "payments:webhook:receive": msg`Reported by the payment provider`,
  "users:export:request": msg`Asked for an export of their data`,
  "users:note:add": msg`Added a note`,
  "users:preferences:change": msg`Changed preferences`,
  "users:profile:change": msg`Changed the profile`,
};

/** Give what names an action. One that only a newer platform knows keeps its own word; the platform's own work has none. */
export function useActionName(): (action: string) => string {
  const { i18n } = useLingui();
  return (action) => {
    const name = ACTIONS[action];
    return name ? i18n._(name) : action;
  };
}
