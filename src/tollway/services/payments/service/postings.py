"""The ledger requests of payments: the same bytes each time, as the ledger compares them under a key.

    deposit       clearing → wallet
    refund        wallet → clearing, and what the wallet lacks: shortfall → clearing
    chargeback    wallet → dispute, and what the wallet lacks: shortfall → dispute
    lost          dispute → clearing

`clearing` follows what the provider has of the platform's money, `dispute` holds what is in dispute now, `shortfall` is
what customers had spent of money that was reversed: the platform's loss.
"""

from tollway.contracts import ledger_pb2
from tollway.contracts.books import customer, platform, post_request, transfer
from tollway.contracts.chart.payments import CLEARING, DISPUTE, SHORTFALL
from tollway.services.payments.model import Deposit, Reversal, ReversalKind, deposit_key

SERVICE = "payments"
_CREDIT: dict[ReversalKind, str] = {"refund": CLEARING, "chargeback": DISPUTE}


def deposit_posting(deposit: Deposit) -> ledger_pb2.PostRequest:
    """Make the transaction that credits a deposit."""
    clearing = platform(SERVICE, deposit.currency, CLEARING)
    legs = [transfer(clearing, customer(deposit.user_id, deposit.currency), deposit.amount)]
    meta = {"deposit": deposit.id, "provider": deposit.provider, "payment": deposit.payment_ref}
    key = deposit_key(deposit.provider, deposit.payment_ref)
    return post_request(SERVICE, key, "deposit", legs, actor=SERVICE, meta=meta)


def reversal_posting(reversal: Reversal) -> ledger_pb2.PostRequest:
    """Make the transaction of a reversal's current attempt."""
    credit = platform(SERVICE, reversal.currency, _CREDIT[reversal.kind])
    debits = (
        (customer(reversal.user_id, reversal.currency), reversal.recovered),
        (platform(SERVICE, reversal.currency, SHORTFALL), reversal.amount - reversal.recovered),
    )
    legs = [transfer(debit, credit, amount) for debit, amount in debits if amount]
    return _reversal(reversal, reversal.attempt_key, legs)


def lost_posting(reversal: Reversal) -> ledger_pb2.PostRequest:
    """Make the transaction of a dispute that was lost."""
    dispute, clearing = (platform(SERVICE, reversal.currency, purpose) for purpose in (DISPUTE, CLEARING))
    return _reversal(
        reversal, f"{reversal.business_key}:lost", [transfer(dispute, clearing, reversal.amount)]
    )


def reinstatement(reversal: Reversal) -> ledger_pb2.ReverseRequest:
    """Make the reversal of a reversal's transaction: the refund failed, or the dispute was won."""
    return ledger_pb2.ReverseRequest(
        transaction_id=reversal.transaction_id,
        scope=SERVICE,
        key=f"{reversal.business_key}:undone",
        actor=SERVICE,
        reason="the refund failed" if reversal.kind == "refund" else "the dispute was won",
    )


def _reversal(reversal: Reversal, key: str, legs: list[ledger_pb2.Leg]) -> ledger_pb2.PostRequest:
    meta = {"deposit": reversal.deposit_id, "provider": reversal.provider, reversal.kind: reversal.ref}
    return post_request(SERVICE, key, reversal.kind, legs, actor=SERVICE, meta=meta)
