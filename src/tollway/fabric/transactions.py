"""Whether a transaction or a snapshot is open in this task: what the database sets, and the service APIs look at.

It stands apart from both, so that a process without a database does not load one to ask.
"""

from contextvars import ContextVar

open_transaction: ContextVar[bool] = ContextVar("open_transaction", default=False)


class CalledInTransaction(Exception):
    """A service API was called, or a second transaction begun, while one was open in the same task.

    It is an error of the program, which would let a lock wait for another service.
    """


def refuse_open_transaction(what: str) -> None:
    """Raise CalledInTransaction when a transaction or a snapshot is open in this task."""
    if open_transaction.get():
        raise CalledInTransaction(f"{what} inside an open transaction; end the transaction first")
