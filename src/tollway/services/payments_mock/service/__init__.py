"""The mock at work: carries out API calls, hosted pages and deliveries, each in one transaction.

context.py             what an operation works with, and the routes' type
lists.py            retrieve, list, expand: alike for all kinds
customers.py · payment_methods.py · payment_intents.py · setup_intents.py · charges.py · products.py ·
checkout.py · webhooks.py     one file per kind: its operations, then its routes
calls.py            one API call from authentication to the stored answer
deliveries.py       one webhook delivery from signature to the next attempt
mock.py             `PaymentsMock`, which the outside knows
"""

from tollway.services.payments_mock.service.calls import ApiAnswer, ApiCall
from tollway.services.payments_mock.service.mock import PaymentsMock

__all__ = ["ApiAnswer", "ApiCall", "PaymentsMock"]
