"""The data of payments.

tables.py     the tables
deposits.py   deposits, moved from state to state by compare-and-set
reversals.py  reversals, moved likewise, and their sums in the deposit
methods.py    which customer at a provider a user is, and saved payment methods
proving.py    all that was booked, to be compared with the books
webhooks.py   webhooks that were received, and registered endpoints
"""

from tollway.services.payments.store.tables import metadata

__all__ = ["metadata"]
