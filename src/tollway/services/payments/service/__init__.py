"""The operations of payments: `deposits` from the first request to the credit, `cards`, and `webhooks`."""

from tollway.services.payments.service.payments import Payments

__all__ = ["Payments"]
