import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";

/** What happened, by the topic of its event. */
export const TOPICS: Record<string, MessageDescriptor> = {
  RESOURCE_PROVISIONED: msg`Access made`,
  RESOURCE_STATE_CHANGED: msg`State of an access changed`,
  CREDENTIAL_ISSUED: msg`Credential issued`,
  CREDENTIAL_REVOKED: msg`Credential revoked`,
  CONNECTION_ENDED: msg`Connection ended by hand`,
  CONNECTION_TEST_REQUESTED: msg`Connection test requested`,
  SESSION_ACCOUNTED: msg`Connection settled`,
  RESOURCE_CHANGED: msg`Access changed`,
  PRICE_CHANGED: msg`Price changed`,
  PRODUCT_CHANGED: msg`Product changed`,
  PLAN_CHANGED: msg`Plan changed`,
  USER_REGISTERED: msg`Customer registered`,
  EMAIL_VERIFIED: msg`E-mail address confirmed`,
  USER_LOGGED_IN: msg`Signed in`,
  LOGIN_FAILED: msg`Sign-in failed`,
  ACCOUNT_LOCKED: msg`Sign-in locked`,
  PASSWORD_CHANGED: msg`Password changed`,
  EMAIL_CHANGE_REQUESTED: msg`Change of e-mail address requested`,
  EMAIL_CHANGED: msg`E-mail address changed`,
  EMAIL_CHANGE_REFUSED: msg`Change of e-mail address refused`,
  USER_STATE_CHANGED: msg`State of a customer changed`,
  USER_DELETED: msg`Customer deleted`,
  USER_ROLES_CHANGED: msg`Roles changed`,
  NOTE_ADDED: msg`Note added`,
  REGISTRATION_REPEATED: msg`Registered again`,
  LINK_REQUESTED: msg`Link requested`,
  TRANSACTION_MADE: msg`Transaction posted`,
  GIFT_MADE: msg`Gift made`,
  BOOKS_SEALED: msg`Books sealed`,
  VERIFICATION_REQUESTED: msg`Verification of the books requested`,
  BOOKS_VERIFIED: msg`Books verified`,
  EMAIL_SENT: msg`E-mail sent`,
  NOTIFICATION_SETTINGS_CHANGED: msg`E-mail settings changed`,
  ORDER_PLACED: msg`Order placed`,
  ORDER_FILLED: msg`Order delivered`,
  ORDER_FAILED: msg`Order failed`,
  DEPOSIT_REQUESTED: msg`Deposit requested`,
  DEPOSIT_CREDITED: msg`Deposit credited`,
  DEPOSIT_FAILED: msg`Deposit failed`,
  DEPOSIT_REVIEWED: msg`Deposit reviewed`,
  DEPOSIT_REVERSED: msg`Deposit reversed`,
  DEPOSIT_REINSTATED: msg`Deposit came back`,
  DEBT_OPENED: msg`Debt opened`,
  DEBT_SETTLED: msg`Debt settled`,
  PAYMENT_METHOD_SAVED: msg`Card saved`,
  PAYMENT_METHOD_DELETED: msg`Card deleted`,
  REFUND_REQUESTED: msg`Refund requested`,
  CORRECTION_REQUESTED: msg`Correction requested`,
  CORRECTION_POSTED: msg`Correction posted`,
  CORRECTION_REFUSED: msg`Correction refused`,
  SESSION_OPENED: msg`Session opened`,
  SESSION_REVOKED: msg`Session ended`,
  SIGNING_KEY_ROTATED: msg`Signing key rotated`,
  SIGNING_KEY_REVOKED: msg`Signing key revoked`,
  SESSION_REFRESHED: msg`Session refreshed`,
  PROFILE_CHANGED: msg`Profile changed`,
  EXPORT_REQUESTED: msg`Export of personal data requested`,
  EXPORT_READY: msg`Export of personal data ready`,
};

/** Give what names a topic. One that only a newer platform knows keeps its own word. */
export function useTopicName(): (topic: string) => string {
  const { i18n } = useLingui();
  return (topic) => {
    const name = TOPICS[topic];
    return name ? i18n._(name) : topic;
  };
}
