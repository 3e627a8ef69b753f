"""Events of ledger. The books."""

from tollway.contracts.events.event import Event


class TransactionMade(Event):
    """A transaction was applied. Metered use is published once per closed session, not per report."""

    topic, source = "TRANSACTION_MADE", "ledger"
    transaction_id: str
    code: str
    owners: list[str]
    amounts: dict[str, int]


class GiftMade(Event):
    """A customer gave something to another one, whom `user_id` names. `kind` is money or access."""

    topic, source = "GIFT_MADE", "ledger"
    transaction_id: str
    user_id: str
    from_user_id: str
    asset: str
    kind: str
    amount: int
    note: str


class BooksSealed(Event):
    """A seal was put over the newest transactions. `hash` (hex) is that of the seal: the ledger's new head."""

    topic, source = "BOOKS_SEALED", "ledger"
    last_transaction_id: str
    number: int
    hash: str


class VerificationRequested(Event):
    """An operator asked for the books to be verified."""

    topic, source = "VERIFICATION_REQUESTED", "ledger"
    run_id: str


class BooksVerified(Event):
    """The books were verified from the first transaction on. `findings` has the first thing that does not hold."""

    topic, source = "BOOKS_VERIFIED", "ledger"
    run_id: str
    ok: bool
    findings: list[str]
