"""Allowances without sockets: a reactor, a book, an access service (one in memory, or the real one), and flows that
move numbers.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.kit.edges import settings
from tollway.contracts.access_pb2 import Grant
from tollway.edge.allowances import Allowances
from tollway.edge.door import AccessDoor
from tollway.edge.flow import Flow
from tollway.edge.lease import Allowance
from tollway.edge.meter import Book
from tollway.edge.reactor import Reactor
from tollway.fabric.clock import SystemClock


class Service(Protocol):
    """Whatever answers for the access service."""

    def stub(self, node: str = ...) -> Any: ...


@dataclass
class Bench:
    """What an allowance lives on."""

    access: Any
    book: Book
    allowances: Allowances

    def grant(self, name: str = "alice", **more: int) -> Grant:
        resource_id = name if name.startswith("res_") else f"res_{name}"
        return Grant(resource_id=resource_id, user_id=f"usr_{name}", credential_id=f"crd_{name}", **more)

    def allowance(self, name: str = "alice") -> Allowance:
        return self.allowances.of(self.grant(name))

    def flow(self, name: str = "alice") -> Flow:
        return self.allowances.begin(self.grant(name), self.allowance(name), "connect", "192.0.2.1:4711")


@contextlib.asynccontextmanager
async def bench(folder: Path, access: Service, node: str = "edge-1", **changes: Any) -> AsyncIterator[Bench]:
    """Set up one node's allowances; the book stays as it is when the block ends, like after a kill."""
    reactor = Reactor()
    reactor.start()
    book = Book(folder / f"{node}.meter")
    book.open(SystemClock().now_us())
    api = AccessDoor(access.stub(), node)
    allowances = Allowances(
        api=api, book=book, reactor=reactor, settings=settings(**changes), clock=SystemClock()
    )
    try:
        yield Bench(access, book, allowances)
    finally:
        await allowances.kill()
        reactor.stop()
        book.close()
