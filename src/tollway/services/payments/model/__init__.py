"""What payments are made of.

deposit.py    a deposit and its states
reversal.py   a refund or a dispute's chargeback, and its states
method.py     a saved payment method
"""

from tollway.services.payments.model.deposit import (
    FROM,
    OPEN,
    Deposit,
    DepositState,
    check_range,
    deposit_key,
    minor,
)
from tollway.services.payments.model.method import SavedMethod
from tollway.services.payments.model.reversal import REVERSED, Reversal, ReversalKind, ReversalState

__all__ = [
    "FROM",
    "OPEN",
    "REVERSED",
    "Deposit",
    "DepositState",
    "Reversal",
    "ReversalKind",
    "ReversalState",
    "SavedMethod",
    "check_range",
    "deposit_key",
    "minor",
]
