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
    code, title = "idempotency_key_reused", "This Idempotency-Key was used with another request"


class IdempotencyKeyMissing(Invalid):
    code, status, title = "idempotency_key_missing", 400, "Send an Idempotency-Key header with this request"


class RequestInProgress(Conflict):
    code, title = "request_in_progress", "The first request with this Idempotency-Key is still running"


# ── identity, tokens ────────────────────────────────────────────────────────────────────────────────


class BadLogin(Unauthenticated):
    code, title = "bad_login", "The e-mail address or the password is wrong"


class AccountLocked(TooManyRequests):
    code, title = "account_locked", "Too many failed logins; wait before the next try"


class EmailNotVerified(Forbidden):
    code, title = "email_not_verified", "Verify the e-mail address first; the link is in your inbox"


class AccountSuspended(Forbidden):
    code, title = "account_suspended", "This account is suspended; contact the operator"


class FactorRequired(Unauthenticated):
    """One factor is proven and another is needed: `attempt_id` names the attempt, `factors` what may answer it."""

    code, title = "factor_required", "A second factor is needed to sign in"


class SignInEnded(Unauthenticated):
    code, title = "sign_in_ended", "This sign-in has ended or expired; start again"


class SecondFactorMissing(Unauthenticated):
    code, title = "second_factor_missing", "Sign in with a second factor"


class InsufficientScope(Forbidden):
    code, title = "insufficient_scope", "The token's scope does not cover this"


class LinkInvalid(Invalid):
    code, title = "link_invalid", "This link was used already or has expired; ask for a new one"


class SessionEnded(Unauthenticated):
    code, title = "session_ended", "The session has ended; sign in again"


class TokenReused(Unauthenticated):
    code, title = "token_reused", "This refresh token was used before; the session was ended for safety"


class SignInTooOld(Unauthenticated):
    """A step-up challenge (RFC 9470): `max_age` is how many seconds ago the sign-in may be."""

    code, title = "insufficient_user_authentication", "Sign in again"


# ── ledger ──────────────────────────────────────────────────────────────────────────────────────────


class UnknownAsset(NotFound):
    code, title = "unknown_asset", "There is no such asset"


class UnknownHold(NotFound):
    code, title = "unknown_hold", "There is no such hold"


class HoldEnded(Conflict):
    code, title = "hold_ended", "This hold was captured, released or has expired"


class HoldExceeded(Conflict):
    code, title = "hold_exceeded", "More was asked than the hold has left"


class KeyReused(Invalid):
    code, title = "key_reused", "This transaction key was used with other contents"


class AlreadyReversed(Conflict):
    code, title = "already_reversed", "This transaction was reversed before"


# ── orders ──────────────────────────────────────────────────────────────────────────────────────────


class QuoteStale(Conflict):
    code, title = "quote_stale", "The quote has expired or was used; ask for a new one"


class SoldOut(Conflict):
    code, title = "sold_out", "There is not enough capacity left for this order"


class PriceExceeded(Conflict):
    code, title = "price_exceeded", "The price is above the most that you would pay"


# ── payments ────────────────────────────────────────────────────────────────────────────────────────


class CardDeclined(Problem):
    code, status, title = "card_declined", 402, "The card was declined; try another one"


class ProviderUnavailable(Problem):
    code, status, title = "provider_unavailable", 503, "The payment provider does not answer; try again soon"


class BadSignature(Malformed):
    code, title = "bad_signature", "The signature does not belong to this body"


# ── access ──────────────────────────────────────────────────────────────────────────────────────────


class BadCredentials(Unauthenticated):
    code, title = "bad_credentials", "The proxy username or password is wrong"


class ResourceInactive(Forbidden):
    code, title = "resource_inactive", "This access is not active"


class NoAllowance(InsufficientFunds):
    code, title = "no_allowance", "The allowance is used up; buy more to go on"


class UnknownNode(NotFound):
    code, title = "unknown_node", "This node has not been opened; open it and ask again"


class TooManyFlows(TooManyRequests):
    code, title = "too_many_flows", "Too many connections at once for this access"
