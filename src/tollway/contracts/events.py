"""The events that services publish. IssuerNames are past tense; the topic is the name on every bus.

An event is published with `tx.publish(...)` in the transaction that made it true. `subject` is the key: events
with the same subject arrive in order. No secrets: every event ends in the audit trail.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """An event. `topic` names it, `source` is the service that publishes it, `subject` orders it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    topic: ClassVar[str]
    source: ClassVar[str]
    by_topic: ClassVar[dict[str, type["Event"]]] = {}
    subject_field: ClassVar[str]

    @property
    def subject(self) -> str:
        """The id of the thing that the event is about: the first field's value."""
        return str(getattr(self, self.subject_field))

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        assert cls.topic not in Event.by_topic, f"two events share the topic {cls.topic}"
        Event.by_topic[cls.topic] = cls
        cls.subject_field = next(iter(cls.model_fields))


# ── identity ────────────────────────────────────────────────────────────────────────────────────────


class UserRegistered(Event):
    topic, source = "USER_REGISTERED", "identity"
    user_id: str
    email: str


class EmailVerified(Event):
    topic, source = "EMAIL_VERIFIED", "identity"
    user_id: str
    email: str


class UserLoggedIn(Event):
    topic, source = "USER_LOGGED_IN", "identity"
    user_id: str
    ip: str
    user_agent: str


class LoginFailed(Event):
    topic, source = "LOGIN_FAILED", "identity"
    user_id: str
    ip: str
    reason: str


class AccountWasLocked(Event):
    topic, source = "ACCOUNT_LOCKED", "identity"
    user_id: str
    until_us: int


class PasswordChanged(Event):
    topic, source = "PASSWORD_CHANGED", "identity"
    user_id: str


class UserStateChanged(Event):
    topic, source = "USER_STATE_CHANGED", "identity"
    user_id: str
    state: str
    reason: str


class UserRolesChanged(Event):
    """An operator gave somebody other roles; `roles` are those from now on."""

    topic, source = "USER_ROLES_CHANGED", "identity"
    user_id: str
    roles: list[str]
    reason: str


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────────


class SessionOpened(Event):
    topic, source = "SESSION_OPENED", "tokens"
    session_id: str
    user_id: str


class SessionRevoked(Event):
    topic, source = "SESSION_REVOKED", "tokens"
    session_id: str
    user_id: str
    reason: str


class SigningKeyRotated(Event):
    """Access tokens are signed with another key from now on; an operator asked for it, or its time had come."""

    topic, source = "SIGNING_KEY_ROTATED", "tokens"
    kid: str


class SigningKeyRevoked(Event):
    """A signing key is published no more: what was signed with it is good for nothing."""

    topic, source = "SIGNING_KEY_REVOKED", "tokens"
    kid: str


# ── users ───────────────────────────────────────────────────────────────────────────────────────────


class ProfileChanged(Event):
    topic, source = "PROFILE_CHANGED", "users"
    user_id: str
    fields: list[str]


# ── ledger ──────────────────────────────────────────────────────────────────────────────────────────


class TransactionMade(Event):
    """A transaction was applied. Metered use is published once per closed session, not per report."""

    topic, source = "TRANSACTION_MADE", "ledger"
    transaction_id: str
    code: str
    owners: list[str]
    amounts: dict[str, int]


# ── catalog ─────────────────────────────────────────────────────────────────────────────────────────


class PriceChanged(Event):
    topic, source = "PRICE_CHANGED", "catalog"
    asset: str
    currency: str
    ask_per_lot: int


# ── orders ──────────────────────────────────────────────────────────────────────────────────────────


class OrderPlaced(Event):
    topic, source = "ORDER_PLACED", "orders"
    order_id: str
    user_id: str
    asset: str
    quantity: int
    currency: str
    price: int


class OrderFilled(Event):
    topic, source = "ORDER_FILLED", "orders"
    order_id: str
    user_id: str
    asset: str
    quantity: int
    currency: str
    price: int


class OrderFailed(Event):
    topic, source = "ORDER_FAILED", "orders"
    order_id: str
    user_id: str
    reason: str


# ── payments ────────────────────────────────────────────────────────────────────────────────────────


class DepositCredited(Event):
    topic, source = "DEPOSIT_CREDITED", "payments"
    deposit_id: str
    user_id: str
    currency: str
    amount: int


class DepositFailed(Event):
    topic, source = "DEPOSIT_FAILED", "payments"
    deposit_id: str
    user_id: str
    reason: str


class DepositReviewed(Event):
    """An operator ended the review of a deposit; `outcome` is credit or dismiss."""

    topic, source = "DEPOSIT_REVIEWED", "payments"
    deposit_id: str
    user_id: str
    outcome: str
    reason: str


class DepositReversed(Event):
    """Money of a deposit went back to the payer; `kind` is refund or chargeback. The wallet gave `recovered`."""

    topic, source = "DEPOSIT_REVERSED", "payments"
    deposit_id: str
    user_id: str
    kind: str
    ref: str
    currency: str
    amount: int
    recovered: int


class DepositReinstated(Event):
    """What was reversed came back: the refund failed, or the dispute was won."""

    topic, source = "DEPOSIT_REINSTATED", "payments"
    deposit_id: str
    user_id: str
    kind: str
    ref: str
    currency: str
    amount: int
    recovered: int


# ── access ──────────────────────────────────────────────────────────────────────────────────────────


class ResourceProvisioned(Event):
    topic, source = "RESOURCE_PROVISIONED", "access"
    resource_id: str
    user_id: str
    asset: str


class ResourceStateChanged(Event):
    topic, source = "RESOURCE_STATE_CHANGED", "access"
    resource_id: str
    user_id: str
    state: str
    reason: str


class CredentialIssued(Event):
    topic, source = "CREDENTIAL_ISSUED", "access"
    credential_id: str
    resource_id: str
    user_id: str


class CredentialRevoked(Event):
    topic, source = "CREDENTIAL_REVOKED", "access"
    credential_id: str
    resource_id: str
    user_id: str


class SessionAccounted(Event):
    """A flow ended and its use is settled to the byte."""

    topic, source = "SESSION_ACCOUNTED", "access"
    session_id: str
    resource_id: str
    user_id: str
    protocol: str
    input_octets: int
    output_octets: int
    terminate_cause: str


# ── notifications ───────────────────────────────────────────────────────────────────────────────────


class EmailSent(Event):
    topic, source = "EMAIL_SENT", "notifications"
    message_id: str
    user_id: str
    template: str
