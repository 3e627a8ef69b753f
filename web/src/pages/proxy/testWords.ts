import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Schema } from "@/api/client";

type Step = Schema<"StepResultView">;

const NAMES: Record<Step["name"], MessageDescriptor> = {
  resolve: msg`Find the proxy`,
  connect: msg`Connect to it`,
  login: msg`Log in`,
  target: msg`Reach the target`,
  exit: msg`Address seen outside`,
};

const WHAT_TO_DO: Record<string, MessageDescriptor> = {
  NODE_ANSWERED: msg`The node itself answered, so other sites see another address. The operator can name a target outside.`,
  NAME_UNKNOWN: msg`The proxy's name cannot be found. Write to the operator.`,
  NOT_REACHED: msg`The proxy accepts no connections. Try again soon, or write to the operator.`,
  TIMEOUT: msg`Nothing was answered in time. Try again; write to the operator if it stays so.`,
  NO_ADDRESS: msg`The test's target said no address. Write to the operator.`,
  BAD_STATUS: msg`The test's target answered with an error. Write to the operator.`,
  PROXY_AUTH_FAILED: msg`The login was refused. Test again; write to the operator if it stays so.`,
  PROXY_NO_ALLOWANCE: msg`Nothing is left of what this access draws on. Buy more data.`,
  PROXY_INACTIVE: msg`This access is stopped, or does not cover HTTP. Activate it.`,
  PROXY_TOO_MANY_FLOWS: msg`This access has all the connections that it may have at once. End one, or raise its limit.`,
  PROXY_OUTSIDE_SCHEDULE: msg`The schedule of this access allows no connections now.`,
  PROXY_NO_EXIT: msg`No exit serves this location now. Choose another one.`,
  PROXY_DENIED_DOMAIN: msg`A rule, yours or the operator's, denies the test's target.`,
  PROXY_DENIED_PORT: msg`A rule, yours or the operator's, denies the test's target.`,
  PROXY_UNAVAILABLE: msg`Logins cannot be checked now. Try again soon.`,
  PROXY_OVERLOADED: msg`The proxy has no room for another connection. Try again soon.`,
};

export const nameOfStep = (name: Step["name"]): MessageDescriptor => NAMES[name];

/** What to know or do about a step, in the page's words; for a code of a newer platform in the platform's. */
export const whatToDo = ({ code, hint }: Step): MessageDescriptor | string => WHAT_TO_DO[code] ?? hint;
