"""Whether a write transaction is open in this task: what the database sets, and the service APIs look at.

It stands apart from both, so that a process without a database does not load one to ask.
"""

from contextvars import ContextVar

open_transaction: ContextVar[bool] = ContextVar("open_transaction", default=False)
