"""Performing commands: lay the book open, apply them to it, write what changed.

`perform` does all of it inside one transaction. A `Desk` does the first half ahead of time and keeps the
book open from one batch to the next, which spares most of the reading.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from tollway.contracts.events import TransactionMade
from tollway.fabric.db import Tx
from tollway.fabric.telemetry import correlation_id
from tollway.kit.errors import Problem
from tollway.kit.ids import ids_after
from tollway.services.ledger.model.book import Book, Command, Wanted
from tollway.services.ledger.model.records import Announcement, Page
from tollway.services.ledger.store.opening import last_written, lay_open, take_pen
from tollway.services.ledger.store.writing import write_page

MAX_BOOK = 200_000  # places; about 100 MB
AT_A_STRETCH = 25  # commands, well below a millisecond


class Request(NamedTuple):
    """A command with what is known about who asked for it."""

    command: Command
    request_hash: bytes
    correlation_id: str


class Plan(NamedTuple):
    """What a batch will write, and the answers to give once it is written.

    It is good only if nobody has written anything since the transaction `after`.
    """

    after: str
    page: Page
    answers: list[Any]
    announcements: list[tuple[Announcement, str]]


def request_for(command: Command) -> Request:
    """Make the request of the caller at hand."""
    return Request(command, command.fingerprint() if command.name else b"", correlation_id.get())


async def perform(tx: Tx, requests: Sequence[Request]) -> list[Any]:
    """Perform commands in order, each whole or not at all. An answer that is a Problem is a refusal.

    Until the transaction ends nobody else can write, so what is read is true when it is acted on.
    """
    last = await take_pen(tx)
    plan = await Desk().plan(tx, requests, last)
    await write(tx, plan)
    return plan.answers


async def write(tx: Tx, plan: Plan) -> None:
    """Write a plan, and publish what moved. The pen must be held, and the plan be good."""
    await write_page(tx, plan.page)
    for made, correlation in plan.announcements:
        event = TransactionMade(
            transaction_id=made.txn_id,
            code=made.code,
            actor=made.actor,
            owners=made.owners,
            amounts=made.amounts,
        )
        # The batch serves many callers; each event carries the correlation id of its own.
        token = correlation_id.set(correlation)
        tx.publish(event)
        correlation_id.reset(token)


class Desk:
    """Where the book lies open.

    The ids of transactions are in the order in which they were written, so the last id says which state of
    the ledger a book shows. As long as only this desk writes, its book stays true by itself. When
    somebody else wrote, or a plan was not written after all, the ids disagree; then the book is opened anew.
    """

    def __init__(self) -> None:
        self._open: _OpenBook | None = None
        self._turn = asyncio.Lock()

    async def plan(self, tx: Tx, requests: Sequence[Request], last: str | None = None) -> Plan:
        """Apply commands to the book. With `last`, begin with a new book that shows the state after it.

        One plan at a time: another that got at the book in between would build on what this one has only half done.
        """
        async with self._turn:
            try:
                return await self._plan(tx, requests, last)
            except BaseException:
                self._open = None  # it shows half a batch
                raise

    def ends_with(self, plan: Plan) -> bool:
        """Tell whether the book shows this plan as the last, so that both are good or neither is."""
        return self._open is not None and self._open.last == (plan.page.last_txn or plan.after)

    def clear(self) -> None:
        """Close the book: what it shows may never be written."""
        self._open = None

    async def _plan(self, tx: Tx, requests: Sequence[Request], last: str | None) -> Plan:
        if self._open is None or self._open.book.places > MAX_BOOK or last is not None:
            self._open = _OpenBook(Book(), await last_written(tx) if last is None else last)
        here = self._open
        wanted = Wanted()
        for request in requests:
            request.command.places(wanted)
        await lay_open(tx, here.book, wanted)
        after = here.last
        answers: list[Any] = []
        ids = ids_after("txn", after, len(requests), tx.now_us)
        for place, (request, txn_id) in enumerate(zip(requests, ids, strict=True), 1):
            if place % AT_A_STRETCH == 0:
                await asyncio.sleep(0)  # the database has an answer perhaps, and waits for the next question
            answers.append(_answer(here.book, request, txn_id, tx.now_us))
        page = here.book.turn_page()
        here.last = page.last_txn or after
        asked = dict(zip(ids, requests, strict=True))
        announcements = [(made, asked[made.txn_id].correlation_id) for made in page.announcements]
        return Plan(after, page, answers, announcements)


class _OpenBook:
    """A book, and the last transaction that it shows."""

    def __init__(self, book: Book, last: str) -> None:
        self.book = book
        self.last = last


def _answer(book: Book, request: Request, txn_id: str, now_us: int) -> Any:
    try:
        return book.perform(request.command, request.request_hash, txn_id, now_us)
    except Problem as refusal:
        return refusal
