"""The ledger requests of payments: the same bytes each time, as the ledger compares them under a key.

    deposit       clearing → wallet, and of it what the customer owes: wallet → debt
    refund        debt → clearing, and of it what is in the wallet: wallet → debt
    chargeback    debt → dispute, and of it what is in the wallet: wallet → debt
    lost          dispute → clearing
    correct       adjustment → wallet, or back
    settle        wallet → debt, as far as the wallet goes; or back, when a reversal came back after it was settled

`clearing` follows what the provider has of the platform's money, `dispute` holds what is in dispute now. A customer's
account `debt` is below zero by what they had spent of money that was reversed.
"""

from tollway.contracts import ledger_pb2
from tollway.contracts.books import customer, platform, post_request, transfer, transfer_up_to
from tollway.contracts.chart.payments import ADJUSTMENT, CLEARING, DEBT, DISPUTE
from tollway.services.payments.model import Correction, Debt, Deposit, Reversal, ReversalKind, deposit_key

SERVICE = "payments"
_CREDIT: dict[ReversalKind, str] = {"refund": CLEARING, "chargeback": DISPUTE}


def deposit_posting(deposit: Deposit) -> ledger_pb2.PostRequest:
    """Make the transaction that credits a deposit."""
    clearing = platform(SERVICE, deposit.currency, CLEARING)
    wallet, owed = _wallet_and_debt(deposit.user_id, deposit.currency)
    legs = [transfer(clearing, wallet, deposit.amount)]
    if deposit.settles:
        legs.append(transfer(wallet, owed, deposit.settles))
    meta = {"deposit": deposit.id, "provider": deposit.provider, "payment": deposit.payment_ref}
    key = deposit_key(deposit.provider, deposit.payment_ref)
    return post_request(SERVICE, key, "deposit", legs, actor=SERVICE, meta=meta)


def reversal_posting(reversal: Reversal) -> ledger_pb2.PostRequest:
    """Make the transaction of a reversal: all of it is owed, and what is in the wallet is taken at once.

    The second leg of its answer is what the wallet gave.
    """
    credit = platform(SERVICE, reversal.currency, _CREDIT[reversal.kind])
    wallet, owed = _wallet_and_debt(reversal.user_id, reversal.currency)
    legs = [transfer(owed, credit, reversal.amount), transfer_up_to(wallet, owed, reversal.amount)]
    return _reversal(reversal, reversal.attempt_key, legs)


def debt_posting(debt: Debt) -> ledger_pb2.PostRequest:
    """Make the transaction of a debt's current attempt: out of the wallet as far as it goes, or back into it."""
    wallet, owed = _wallet_and_debt(debt.user_id, debt.currency)
    leg = (
        transfer_up_to(wallet, owed, debt.claimed)
        if debt.claimed > 0
        else transfer(owed, wallet, -debt.claimed)
    )
    return post_request(SERVICE, debt.attempt_key, "settle", [leg], actor=SERVICE, meta={"debt": debt.id})


def lost_posting(reversal: Reversal) -> ledger_pb2.PostRequest:
    """Make the transaction of a dispute that was lost."""
    dispute, clearing = (platform(SERVICE, reversal.currency, purpose) for purpose in (DISPUTE, CLEARING))
    return _reversal(reversal, reversal.lost_key, [transfer(dispute, clearing, reversal.amount)])


def correction_posting(correction: Correction) -> ledger_pb2.PostRequest:
    """Make the transaction of a correction."""
    wallet = customer(correction.user_id, correction.currency)
    adjustment = platform(SERVICE, correction.currency, ADJUSTMENT)
    given = correction.direction == "credit"
    debit, credit = (adjustment, wallet) if given else (wallet, adjustment)
    return post_request(
        SERVICE,
        f"correction:{correction.id}",
        "correct",
        [transfer(debit, credit, correction.unsigned)],
        actor=correction.requested_by,
        meta={"correction": correction.id, "reason": correction.reason},
    )


def reinstatement(reversal: Reversal) -> ledger_pb2.ReverseRequest:
    """Make the reversal of a reversal's transaction: the refund failed, or the dispute was won."""
    return ledger_pb2.ReverseRequest(
        transaction_id=reversal.transaction_id,
        scope=SERVICE,
        key=reversal.undone_key,
        actor=SERVICE,
        reason="the refund failed" if reversal.kind == "refund" else "the dispute was won",
    )


def _wallet_and_debt(user_id: str, currency: str) -> tuple[ledger_pb2.AccountRef, ledger_pb2.AccountRef]:
    return customer(user_id, currency), customer(user_id, currency, DEBT)


def _reversal(reversal: Reversal, key: str, legs: list[ledger_pb2.Leg]) -> ledger_pb2.PostRequest:
    meta = {"deposit": reversal.deposit_id, "provider": reversal.provider, reversal.kind: reversal.ref}
    return post_request(SERVICE, key, reversal.kind, legs, actor=SERVICE, meta=meta)
