"""The operations of payments.

payments.py        `Payments`, which the outside knows, made of these parts
deposits.py        the customer's request: a deposit from the start to the provider's answer
charging.py        asking a provider for the money of a deposit
settlement.py      what a provider says about a payment, and the credit
reconciliation.py  deposits without progress, reconciled with their provider
reversals.py       refunds and disputes
corrections.py     what operators correct and refund
debts.py           what customers owe of them
reviews.py         deposits that wait for an operator
webhooks.py        the providers' webhooks and their registration
methods.py         saved payment methods; customers.py: customers at the providers
selection.py       which provider does it, and whether it can
postings.py        the ledger transactions of all this
"""

from tollway.services.payments.service.payments import Payments

__all__ = ["Payments"]
