"""The ledger's tables and every query on them.

tables    what is kept, and the constraints that are the last word
loading   acquiring the writer lock; loading what commands read
writing   writing what they changed
reading   statements, lots, transactions: what people look at
costs     what used access had cost by day, made from the journal
history   the journal in order, for the sealer, the proof and the export
"""

from tollway.services.ledger.store.tables import metadata

__all__ = ["metadata"]
