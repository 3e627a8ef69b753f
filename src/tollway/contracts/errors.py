"""The typed refusals of the service APIs. The code is stable: clients switch on it, and it survives gRPC.

Add one here when a caller would act on it; otherwise raise the general class from `kit.errors`.
"""

from tollway.kit.errors import (
    Conflict,
    Forbidden,
    InsufficientFunds,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    TooManyRequests,
    Unauthenticated,
)

# ── any service ────────────────────────────────────────────────────────────────────────────────────────


class IdempotencyKeyReused(Invalid):
    code, title = "idempotency_key_reused", "Idempotency-Key reused"
    hint = "this Idempotency-Key was used with another request; use a new one"


class IdempotencyKeyMissing(Invalid):
    code, status, title = "idempotency_key_missing", 400, "Idempotency-Key missing"
    hint = "send an Idempotency-Key header with this request"


class RequestInProgress(Conflict):
    code, title = "request_in_progress", "Request in progress"
    hint = "the first request with this Idempotency-Key is still running; try again soon"


# ── the gateway ─────────────────────────────────────────────────────────────────────────────────────


class HttpsRequired(Forbidden):
    code, title = "https_required", "HTTPS required"
    hint = (
        "passwords are taken over HTTPS only, and browsers keep the session's cookie only then; use https://"
    )


class ForeignOrigin(Forbidden):
    code, title = "foreign_origin", "Foreign origin"
    hint = "this page is of another web origin and may not do that"


class CsrfTokenMissing(Forbidden):
    code, title = "csrf", "CSRF token missing"
    hint = "send the session's csrf_token in the header X-Tollway-Csrf"


# ── identity, tokens ────────────────────────────────────────────────────────────────────────────────


class BadLogin(Unauthenticated):
    code, title = "bad_login", "Wrong e-mail address or password"
    hint = "the e-mail address or the password is wrong"


class AccountLocked(TooManyRequests):
    code, title = "account_locked", "Account locked"
    hint = "too many failed sign-ins; wait before the next try"


class EmailNotVerified(Forbidden):
    code, title = "email_not_verified", "E-mail address not verified"
    hint = "verify the e-mail address first; the link is in your inbox"


class AccountSuspended(Forbidden):
    code, title = "account_suspended", "Account suspended"
    hint = "this account is suspended; contact the operator"


class AccountDeleting(Forbidden):
    """The account is going to be erased at `erase_at`. Signing in with `keep_account` undoes that."""

    code, title = "account_deleting", "Account about to be deleted"
    hint = "this account is going to be deleted; sign in with keep_account to keep it"


class DeletionBlocked(Conflict):
    """`obstacles` lists what stands in the way: kind, detail, asset, amount, and whether it can be given up."""

    code, title = "deletion_blocked", "Account cannot be deleted yet"
    hint = "something stands in the way of deleting this account"


class FactorRequired(Unauthenticated):
    """One factor is proven and another is needed: `attempt_id` names the attempt, `factors` what may answer it."""

    code, title = "factor_required", "Second factor required"
    hint = "prove a second factor to sign in"


class SignInEnded(Unauthenticated):
    code, title = "sign_in_ended", "Sign-in ended"
    hint = "this sign-in has ended or expired; start again"


class SecondFactorMissing(Unauthenticated):
    code, title = "second_factor_missing", "Second factor missing"
    hint = "sign in with a second factor to do this"


class InsufficientScope(Forbidden):
    code, title = "insufficient_scope", "Insufficient scope"
    hint = "the token's scope does not cover this; ask for a token with that scope"


class LinkInvalid(Invalid):
    code, title = "link_invalid", "Link invalid"
    hint = "this link was used already or has expired; ask for a new one"


class AddressTaken(Conflict):
    code, title = "address_taken", "Address taken"
    hint = "this address has an account of its own; sign in to that one, or choose another address"


class PasswordNeeded(Conflict):
    code, title = "password_needed", "Password needed"
    hint = "this address was registered more than once; send the password that its account shall have"


class SessionEnded(Unauthenticated):
    code, title = "session_ended", "Session ended"
    hint = "the session has ended; sign in again"


class TokenReused(Unauthenticated):
    code, title = "token_reused", "Refresh token reused"
    hint = "this refresh token was used before, so the session was ended; sign in again"


class SignInTooOld(Unauthenticated):
    """A step-up challenge (RFC 9470): `max_age` is how many seconds ago the sign-in may be."""

    code, title = "insufficient_user_authentication", "Insufficient user authentication"
    hint = "sign in again to do this"


# ── ledger ──────────────────────────────────────────────────────────────────────────────────────────


class UnknownAsset(NotFound):
    code, title = "unknown_asset", "Unknown asset"
    hint = "there is no such asset"


class UnknownHold(NotFound):
    code, title = "unknown_hold", "Unknown hold"
    hint = "there is no such hold"


class HoldEnded(Conflict):
    code, title = "hold_ended", "Hold ended"
    hint = "this hold was captured, released or has expired"


class HoldExceeded(Conflict):
    code, title = "hold_exceeded", "Hold exceeded"
    hint = "more was asked than the hold has left"


class KeyReused(Invalid):
    code, title = "key_reused", "Transaction key reused"
    hint = "this transaction key was used with other contents"


class ReceiverUnavailable(Conflict):
    code, title = "receiver_unavailable", "Receiver unavailable"
    hint = "this customer cannot receive anything at present; nothing was given"


class AlreadyReversed(Conflict):
    code, title = "already_reversed", "Already reversed"
    hint = "this transaction was reversed before"


# ── orders ──────────────────────────────────────────────────────────────────────────────────────────


class QuoteStale(Conflict):
    code, title = "quote_stale", "Quote expired"
    hint = "the quote has expired or was used; ask for a new one"


class TooManyQuotes(TooManyRequests):
    code, title = "too_many_quotes", "Too many open quotes"
    hint = "use one of your quotes, or wait until they expire"


class SoldOut(Conflict):
    code, title = "sold_out", "Sold out"
    hint = "there is not enough capacity left for this order"


class PriceExceeded(Conflict):
    code, title = "price_exceeded", "Price exceeded"
    hint = "the price is above the most that you would pay"


# ── payments ────────────────────────────────────────────────────────────────────────────────────────


class PaymentFailed(Problem):
    code, status, title = "payment_failed", 402, "Payment failed"
    hint = "the payment failed; try again with a new Idempotency-Key"


class CardDeclined(PaymentFailed):
    code, status, title = "card_declined", 402, "Card declined"
    hint = "the card was declined; try another one"


class ProviderUnavailable(Problem):
    code, status, title = "provider_unavailable", 503, "Payment provider unavailable"
    hint = "the payment provider does not answer; try again soon"


class BadSignature(Malformed):
    code, title = "bad_signature", "Bad signature"
    hint = "the signature does not belong to this body"


# ── access ──────────────────────────────────────────────────────────────────────────────────────────


class BadCredentials(Unauthenticated):
    code, title = "bad_credentials", "Wrong proxy credentials"
    hint = "the proxy username or password is wrong"


class ResourceInactive(Forbidden):
    code, title = "resource_inactive", "Resource not active"
    hint = "this access is not active; activate it first"


class NoAllowance(InsufficientFunds):
    code, title = "no_allowance", "Allowance used up"
    hint = "the allowance is used up; buy more to go on"


class UnknownNode(NotFound):
    code, title = "unknown_node", "Unknown node"
    hint = "this node is not open; open it and ask again"
