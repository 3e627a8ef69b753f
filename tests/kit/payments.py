"""The payment mock as tests run it: served on loopback, with its jobs done when a test says so.

`running_mock` serves it in the test's own event loop; `MockInThread` in a thread of its own, so that tests of the
official SDK can be plain and synchronous. `Receiver` takes webhooks and answers them as it was told.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import stripe

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, room_migrations
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.fabric.jobs import Worker
from tollway.fabric.rest import RestServer
from tollway.services.payments_mock.http import app
from tollway.services.payments_mock.jobs import JOBS
from tollway.services.payments_mock.service import PaymentsMock
from tollway.services.payments_mock.settings import PaymentsMockSettings

stripe.enable_telemetry = False


@dataclass
class Mock:
    """A served mock: its address, and its jobs."""

    room: PaymentsMock
    url: str
    worker: Worker

    async def deliver(self) -> int:
        """Do all deliveries that are due; return how many were tried."""
        tried = 0
        while done := await self.worker.run_due():
            tried += done
        return tried


@asynccontextmanager
async def running_mock(
    kind: Kind, folder: Path, clock: Clock, db: Database | None = None, **settings: Any
) -> AsyncIterator[Mock]:
    """Serve a mock on a free port of loopback."""
    if db is None:
        async with database(kind, folder, clock, room_migrations("payments_mock"), "mock") as fresh:
            async with running_mock(kind, folder, clock, fresh, **settings) as mock:
                yield mock
        return
    room = PaymentsMock(db, PaymentsMockSettings(**settings))
    server = RestServer(app(room), "127.0.0.1:0", drain_s=0)
    await server.start()
    try:
        yield Mock(room, f"http://127.0.0.1:{server.port}", Worker(room, db, JOBS))
    finally:
        await server.stop()


class MockInThread:
    """A mock that lives in its own thread and event loop."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.clock = FakeClock()
        self._kind, self._folder = kind, folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="payments-mock")
        self._stack: Any = None
        self._mock: Mock | None = None

    def __enter__(self) -> "MockInThread":
        self._thread.start()
        self._stack = running_mock(self._kind, self._folder, self.clock)
        self._mock = self._do(self._stack.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stack.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        assert self._mock is not None
        return self._mock.url

    def client(self, key: str = "sk_test_contract", **options: Any) -> stripe.StripeClient:
        """Give the official SDK's client, pointed here."""
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url},
            max_network_retries=options.pop("max_network_retries", 0),
            http_client=stripe.RequestsClient(timeout=options.pop("timeout", 10)),
            **options,
        )

    def deliver(self) -> int:
        """Do all deliveries that are due."""
        assert self._mock is not None
        return self._do(self._mock.deliver())

    def reset(self) -> None:
        """Forget everything."""
        assert self._mock is not None
        self._do(self._mock.room.reset(webhook_endpoints=True))

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@dataclass
class Received:
    """A webhook as it came: the raw body and the signature header."""

    body: bytes
    signature: str


@dataclass
class Receiver:
    """Takes webhooks. `statuses` are the answers to give, in order; 200 when they have run out."""

    statuses: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    _server: Any = None

    def __enter__(self) -> "Receiver":
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(body, self.headers["Stripe-Signature"]))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"
