import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Problem } from "@/api/problem";

interface Words {
  title: MessageDescriptor;
  detail: MessageDescriptor;
}

const SIGN_IN: Words = { title: msg`Not signed in`, detail: msg`Sign in, then try again.` };
const AGAIN_SOON: Words = {
  title: msg`A part of the platform does not answer`,
  detail: msg`Nothing was lost. Try again in a moment.`,
};
const NOT_ALLOWED: Words = { title: msg`Not allowed`, detail: msg`Your account may not do that.` };
const UNREADABLE: Words = {
  title: msg`The platform could not read the request`,
  detail: msg`Load the page again. If it fails again, write to support.`,
};
const KEY: Words = {
  title: msg`This was sent before`,
  detail: msg`Look whether it is done already; if it is not, begin again.`,
};
const LOAD_AGAIN: Words = { title: msg`The page is too old`, detail: msg`Load it again, then do it once more.` };

/** What each code of a problem means, for who reads the console in another language than the platform speaks. */
export const PROBLEMS: Readonly<Record<string, Words>> = {
  account_deleting: {
    title: msg`This account is going to be deleted`,
    detail: msg`Sign in and choose to keep it, if you want it back.`,
  },
  account_locked: {
    title: msg`Signing in is locked for a while`,
    detail: msg`There were too many failed tries. Wait, or set a new password.`,
  },
  account_suspended: {
    title: msg`This account is suspended`,
    detail: msg`Write to support to learn why.`,
  },
  address_taken: {
    title: msg`This address has an account of its own`,
    detail: msg`Sign in to that one, or choose another address.`,
  },
  bad_gateway: AGAIN_SOON,
  bad_login: { title: msg`Wrong e-mail or password`, detail: msg`Try again, or set a new password.` },
  bad_signature: UNREADABLE,
  card_declined: {
    title: msg`Your bank declined the card`,
    detail: msg`Nothing was taken. Try another card.`,
  },
  conflict: {
    title: msg`This is not possible now`,
    detail: msg`Somebody may have changed it meanwhile. Load the page again and look.`,
  },
  csrf: LOAD_AGAIN,
  deadline_exceeded: { title: msg`This took too long`, detail: msg`Try again in a moment.` },
  deletion_blocked: {
    title: msg`The account cannot be deleted yet`,
    detail: msg`Something stands in the way; the page of your account names it.`,
  },
  email_not_verified: {
    title: msg`Your address is not confirmed yet`,
    detail: msg`Open the link in the mail that we sent to you.`,
  },
  factor_required: SIGN_IN,
  forbidden: NOT_ALLOWED,
  foreign_origin: NOT_ALLOWED,
  idempotency_key_missing: UNREADABLE,
  idempotency_key_reused: KEY,
  insufficient_funds: {
    title: msg`Not enough money in the wallet`,
    detail: msg`Top up the wallet, then try again.`,
  },
  insufficient_scope: NOT_ALLOWED,
  insufficient_user_authentication: {
    title: msg`This needs a fresh sign-in`,
    detail: msg`Sign in again, then do it once more.`,
  },
  internal: {
    title: msg`The platform made a mistake`,
    detail: msg`Try again. If it fails again, write to support and name the id.`,
  },
  invalid: { title: msg`Some of this cannot be right`, detail: msg`Check what you entered.` },
  link_invalid: {
    title: msg`This link was used already or has expired`,
    detail: msg`Ask for a new one.`,
  },
  malformed: UNREADABLE,
  no_allowance: { title: msg`No data is left`, detail: msg`Buy some to go on.` },
  not_found: {
    title: msg`There is no such thing`,
    detail: msg`It may have been deleted. Load the page again.`,
  },
  password_needed: {
    title: msg`Choose a password`,
    detail: msg`This address was registered more than once.`,
  },
  payment_failed: { title: msg`The payment failed`, detail: msg`Nothing was taken. Try again, or use another card.` },
  price_exceeded: {
    title: msg`The price has risen`,
    detail: msg`Look at the new price before you buy.`,
  },
  provider_unavailable: {
    title: msg`The payment provider does not answer`,
    detail: msg`Nothing was taken. Try again in a moment.`,
  },
  quote_stale: { title: msg`The price has run out`, detail: msg`Get a new price, then buy.` },
  receiver_unavailable: {
    title: msg`This customer cannot receive anything now`,
    detail: msg`Nothing was given.`,
  },
  request_in_progress: {
    title: msg`The first try is still running`,
    detail: msg`Wait a moment, then look what became of it.`,
  },
  resource_inactive: { title: msg`This access is stopped`, detail: msg`Activate it first.` },
  session_ended: SIGN_IN,
  sign_in_ended: { title: msg`This sign-in has ended`, detail: msg`Begin again.` },
  sold_out: { title: msg`Sold out`, detail: msg`There is not enough left for this order. Choose a smaller quantity.` },
  token_reused: SIGN_IN,
  too_large: { title: msg`This is too large`, detail: msg`Send less at once.` },
  too_many_quotes: {
    title: msg`Too many prices are kept for you`,
    detail: msg`Use one of them, or wait until they have run out.`,
  },
  too_many_requests: { title: msg`Too many tries`, detail: msg`Wait a moment, then try again.` },
  unauthenticated: SIGN_IN,
  unavailable: AGAIN_SOON,
  unknown_asset: {
    title: msg`There is no such product`,
    detail: msg`It may no longer be on sale. Load the page again.`,
  },
  unsupported_media_type: UNREADABLE,
  uri_too_long: UNREADABLE,
};

// Their detail says more than their code.
const SPECIFIC = new Set(["conflict", "forbidden", "invalid", "not_found", "payment_failed"]);

// What the platform says about single fields, as far as people meet it; {0} is what stands in the place of (…).
const REASONS: readonly [RegExp, (part: string) => MessageDescriptor][] = [
  [/^field required$/i, () => msg`This is needed.`],
  [/^string should have at most (\d+) characters?$/i, (most) => msg`Use at most ${most} characters.`],
  [/^string should have at least (\d+) characters?$/i, (least) => msg`Use at least ${least} characters.`],
  [/^must be at most (\d+) printable characters$/, (most) => msg`Use at most ${most} characters.`],
  [/^must have at most (\d+) characters$/, (most) => msg`Use at most ${most} characters.`],
  [/^must have at least (\d+) characters/, (least) => msg`Use at least ${least} characters.`],
  [/^is too easy to guess/, () => msg`This is too easy to guess. Add another word or two.`],
  [/^is the old one/, () => msg`This is the old one. Choose another.`],
  [/^is the address of your account already$/, () => msg`This is the address of your account already.`],
  [/^string should match pattern/i, () => msg`This cannot be right.`],
  [/^must be greater than zero$/, () => msg`Enter more than zero.`],
  [/^must be from (.+)$/, (range) => msg`Enter an amount from ${range}.`],
  [/^is not a time zone|^must be a name of the iana/i, () => msg`Enter a time zone such as Europe/Berlin.`],
  [
    /^must be an address or a network/,
    () => msg`Enter an address or a network, such as 198.51.100.7 or 2001:db8:1:2::/64.`,
  ],
  [
    /^is too large a network: the largest here is (.+)$/,
    (size) => msg`This network is too large; ${size} is the largest.`,
  ],
  [
    /^must contain the address from which you send this request, which is (.+)$/,
    (address) => msg`It must contain the address that you have now: ${address}.`,
  ],
  [/^must be between 0 and (\d+)$/, (most) => msg`Enter a number from 0 to ${most}.`],
];

/** What a problem says: its title, what to do, and the platform's own words where those say more. */
export interface ProblemText {
  title: string;
  detail: string;
  original: string;
}

export function problemText(problem: Problem): ProblemText {
  const known = PROBLEMS[problem.code];
  const said = sentence(problem.detail);
  if (i18n.locale.startsWith("en") || !known) return { title: problem.message, detail: said, original: "" };
  const original = SPECIFIC.has(problem.code) ? said : "";
  return { title: i18n._(known.title), detail: i18n._(known.detail), original };
}

/** What the platform said about one field, in the reader's language where the sentence is known. */
export function reasonText(reason: string): string {
  if (i18n.locale.startsWith("en")) return sentence(reason);
  for (const [pattern, words] of REASONS) {
    const found = pattern.exec(reason);
    if (found) return i18n._(words(found[1] ?? ""));
  }
  return sentence(reason);
}

/** The platform writes its reasons as parts of a sentence. */
function sentence(text: string): string {
  if (text === "") return "";
  return text.charAt(0).toLocaleUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
