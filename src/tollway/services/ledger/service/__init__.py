"""The operations of the ledger.

ledger       the service: what can be asked of it, in the order of a customer's life
execution    how commands become rows, inside one transaction
batcher      how many callers share one transaction
sealing      how committed transactions are chained and signed
books        every account and transaction for operators, and verifying them at their request
standing     how the books stand, at a glance
proof        how the books are proved, from the first transaction on
costs        what the access that a customer used had cost, by day
export       the books as text, for an auditor from outside
"""

from tollway.services.ledger.service.ledger import Ledger

__all__ = ["Ledger"]
