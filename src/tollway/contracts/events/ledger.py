"""Events of ledger. The books."""

from tollway.contracts.events.event import Event


class TransactionMade(Event):
    """A transaction was applied. Metered use is published once per closed session, not per report."""

    topic, source = "TRANSACTION_MADE", "ledger"
    transaction_id: str
    code: str
    owners: list[str]
    amounts: dict[str, int]
