"""Events of payments. Money from and to the outside."""

from tollway.contracts.events.event import Event


class DepositRequested(Event):
    """A customer asked for a deposit; whether it arrives is another event."""

    topic, source = "DEPOSIT_REQUESTED", "payments"
    deposit_id: str
    user_id: str
    currency: str
    amount: int


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
    """Money of a deposit went back to the payer; `kind` is refund or chargeback.

    The wallet gave `recovered`; the customer owes the rest.
    """

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


class DebtOpened(Event):
    """A customer owes `amount` more: money that was reversed and that the wallet did not have. `owed` is the sum.

    `ref` is the provider's reference of the reversal.
    """

    topic, source = "DEBT_OPENED", "payments"
    debt_id: str
    user_id: str
    currency: str
    amount: int
    owed: int
    ref: str


class DebtSettled(Event):
    """A customer's money settled `amount` of a debt; `owed` is what is left of it. `ref` is the ledger's key."""

    topic, source = "DEBT_SETTLED", "payments"
    debt_id: str
    user_id: str
    currency: str
    amount: int
    owed: int
    ref: str


class PaymentMethodSaved(Event):
    topic, source = "PAYMENT_METHOD_SAVED", "payments"
    method_id: str
    user_id: str
    provider: str


class PaymentMethodDeleted(Event):
    topic, source = "PAYMENT_METHOD_DELETED", "payments"
    method_id: str
    user_id: str
    provider: str


class RefundRequested(Event):
    """An operator asks the provider to refund a part of a deposit. What becomes of it follows as DEPOSIT_REVERSED."""

    topic, source = "REFUND_REQUESTED", "payments"
    deposit_id: str
    user_id: str
    currency: str
    amount: int
    reason: str


class CorrectionRequested(Event):
    """An operator corrects a wallet: `amount` is given to the customer, or taken when it is below zero."""

    topic, source = "CORRECTION_REQUESTED", "payments"
    correction_id: str
    user_id: str
    currency: str
    amount: int
    reason: str


class CorrectionPosted(Event):
    """A correction is in the books."""

    topic, source = "CORRECTION_POSTED", "payments"
    correction_id: str
    user_id: str
    currency: str
    amount: int
    reason: str
    transaction_id: str


class CorrectionRefused(Event):
    """The ledger refused a correction; `refusal` is its code."""

    topic, source = "CORRECTION_REFUSED", "payments"
    correction_id: str
    user_id: str
    refusal: str
