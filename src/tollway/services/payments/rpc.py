"""The service API of payments."""

from typing import Any

from tollway.contracts import payments_pb2, payments_pb2_grpc
from tollway.services.payments.service import Payments


class PaymentsRpc(payments_pb2_grpc.PaymentsServicer):
    """Serves `contracts/payments.proto`."""

    def __init__(self, service: Payments) -> None:
        self._service = service

    async def GetDeposit(self, request: payments_pb2.GetDepositRequest, context: Any) -> payments_pb2.Deposit:
        """Return a deposit, whoever's it is. Raises NotFound."""
        deposit = await self._service.deposits.any_deposit(request.deposit_id)
        return payments_pb2.Deposit(
            id=deposit.id,
            user_id=deposit.user_id,
            currency=deposit.currency,
            amount=deposit.amount,
            state=deposit.state,
            reason=deposit.reason,
            provider=deposit.provider,
            provider_ref=deposit.payment_ref,
            created_at_us=deposit.created_at_us,
            updated_at_us=deposit.updated_at_us,
            refunded=deposit.refunded,
            disputed=deposit.disputed,
        )
