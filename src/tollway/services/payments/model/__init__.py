"""What payments are made of.

deposit.py    a deposit and its states
reversal.py   a refund or a dispute's chargeback, and its states
correction.py what operators gave to wallets, or took from them
debt.py       what a customer owes
method.py     a saved payment method
"""

from tollway.services.payments.model.correction import (
    Correction,
    CorrectionMove,
    CorrectionState,
)
from tollway.services.payments.model.debt import Debt, DebtMove
from tollway.services.payments.model.deposit import (
    FROM,
    OPEN,
    Deposit,
    DepositMove,
    DepositState,
    check_range,
    deposit_key,
    minor,
)
from tollway.services.payments.model.method import SavedMethod
from tollway.services.payments.model.reversal import (
    REVERSED,
    Reversal,
    ReversalKind,
    ReversalMove,
    ReversalState,
)

__all__ = [
    "FROM",
    "OPEN",
    "REVERSED",
    "Correction",
    "CorrectionMove",
    "CorrectionState",
    "Debt",
    "DebtMove",
    "Deposit",
    "DepositMove",
    "DepositState",
    "Reversal",
    "ReversalKind",
    "ReversalMove",
    "ReversalState",
    "SavedMethod",
    "check_range",
    "deposit_key",
    "minor",
]
