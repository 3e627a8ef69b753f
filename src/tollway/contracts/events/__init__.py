"""The events that services publish. Names are past tense; the topic is the name on every bus.

An event is published with `tx.publish(...)` in the transaction that made it true. `subject` is the key: events
with the same subject arrive in order. No secrets: every event ends in the audit trail.

One file for each service that publishes: a new event is a class there.
"""

from tollway.contracts.events.access import (
    ConnectionEnded,
    ConnectionTestRequested,
    CredentialIssued,
    CredentialRevoked,
    ResourceChanged,
    ResourceProvisioned,
    ResourceStateChanged,
    SessionAccounted,
)
from tollway.contracts.events.catalog import PlanChanged, PriceChanged, ProductChanged
from tollway.contracts.events.event import Event
from tollway.contracts.events.identity import (
    AccountWasLocked,
    EmailChanged,
    EmailChangeRefused,
    EmailChangeRequested,
    EmailVerified,
    LinkRequested,
    LoginFailed,
    NoteAdded,
    PasswordChanged,
    RegistrationRepeated,
    UserDeleted,
    UserLoggedIn,
    UserRegistered,
    UserRolesChanged,
    UserStateChanged,
)
from tollway.contracts.events.ledger import (
    BooksSealed,
    BooksVerified,
    GiftMade,
    TransactionMade,
    VerificationRequested,
)
from tollway.contracts.events.notifications import (
    EmailSent,
    NotificationSettingsChanged,
)
from tollway.contracts.events.orders import OrderFailed, OrderFilled, OrderPlaced
from tollway.contracts.events.payments import (
    CorrectionPosted,
    CorrectionRefused,
    CorrectionRequested,
    DebtOpened,
    DebtSettled,
    DepositCredited,
    DepositFailed,
    DepositReinstated,
    DepositRequested,
    DepositReversed,
    DepositReviewed,
    PaymentMethodDeleted,
    PaymentMethodSaved,
    RefundRequested,
)
from tollway.contracts.events.tokens import (
    SessionOpened,
    SessionRefreshed,
    SessionRevoked,
    SigningKeyRevoked,
    SigningKeyRotated,
)
from tollway.contracts.events.users import ExportReady, ExportRequested, ProfileChanged

__all__ = [
    "AccountWasLocked",
    "BooksSealed",
    "BooksVerified",
    "ConnectionEnded",
    "ConnectionTestRequested",
    "CorrectionPosted",
    "CorrectionRefused",
    "CorrectionRequested",
    "CredentialIssued",
    "CredentialRevoked",
    "DebtOpened",
    "DebtSettled",
    "DepositCredited",
    "DepositFailed",
    "DepositReinstated",
    "DepositRequested",
    "DepositReversed",
    "DepositReviewed",
    "EmailChangeRefused",
    "EmailChangeRequested",
    "EmailChanged",
    "EmailSent",
    "EmailVerified",
    "Event",
    "ExportReady",
    "ExportRequested",
    "GiftMade",
    "LinkRequested",
    "LoginFailed",
    "NoteAdded",
    "NotificationSettingsChanged",
    "OrderFailed",
    "OrderFilled",
    "OrderPlaced",
    "PasswordChanged",
    "PaymentMethodDeleted",
    "PaymentMethodSaved",
    "PlanChanged",
    "PriceChanged",
    "ProductChanged",
    "ProfileChanged",
    "RefundRequested",
    "RegistrationRepeated",
    "ResourceChanged",
    "ResourceProvisioned",
    "ResourceStateChanged",
    "SessionAccounted",
    "SessionOpened",
    "SessionRefreshed",
    "SessionRevoked",
    "SigningKeyRevoked",
    "SigningKeyRotated",
    "TransactionMade",
    "UserDeleted",
    "UserLoggedIn",
    "UserRegistered",
    "UserRolesChanged",
    "UserStateChanged",
    "VerificationRequested",
]
