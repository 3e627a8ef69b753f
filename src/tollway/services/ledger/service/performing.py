"""Performing commands inside an open transaction: take the pen, open the book, apply, write the page."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tollway.contracts.events import TransactionMade
from tollway.fabric.db import Tx
from tollway.fabric.telemetry import correlation_id
from tollway.kit.errors import Problem
from tollway.kit.ids import ids_after
from tollway.services.ledger.model.book import Book, Command, Wanted
from tollway.services.ledger.store.opening import lay_open, take_pen
from tollway.services.ledger.store.writing import write_page


class Request(NamedTuple):
    """A command with what is known about who asked for it."""

    command: Command
    request_hash: bytes
    correlation_id: str


def request_for(command: Command) -> Request:
    """Make the request of the caller at hand."""
    return Request(command, command.fingerprint() if command.name else b"", correlation_id.get())


async def perform(tx: Tx, requests: Sequence[Request]) -> list[Any]:
    """Perform commands in order, each whole or not at all. An answer that is a Problem is a refusal.

    Until the transaction ends nobody else can write, so what was read is true when it is acted on.
    """
    last = await take_pen(tx)
    book, wanted = Book(), Wanted()
    for request in requests:
        request.command.places(wanted)
    await lay_open(tx, book, wanted)
    ids = ids_after("txn", last, len(requests), tx.now_us)
    answers = [_perform_one(tx, book, one, id_) for one, id_ in zip(requests, ids, strict=True)]
    await write_page(tx, book.page)
    return answers


def _perform_one(tx: Tx, book: Book, request: Request, txn_id: str) -> Any:
    told = len(book.page.announcements)
    try:
        return book.perform(request.command, request.request_hash, txn_id, tx.now_us)
    except Problem as refusal:
        return refusal
    finally:
        for made in book.page.announcements[told:]:
            _tell(
                tx,
                TransactionMade(
                    transaction_id=made.txn_id,
                    code=made.code,
                    actor=made.actor,
                    owners=made.owners,
                    amounts=made.amounts,
                ),
                request.correlation_id,
            )


def _tell(tx: Tx, fact: TransactionMade, correlation: str) -> None:
    # The batch serves many callers; each fact carries the correlation id of its own.
    token = correlation_id.set(correlation)
    try:
        tx.tell(fact)
    finally:
        correlation_id.reset(token)
