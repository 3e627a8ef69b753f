"""The payment mock as tests run it: served on loopback, with its jobs done when a test says so.

`running_mock` serves it in the test's own event loop; `MockInThread` in a thread of its own, so that tests of the
official SDK can be plain and synchronous. `Receiver` receives webhooks and gives the answers that it was given.
`running_payments` is the payments service with all of this around it.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import stripe

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.ledger_in_memory import LedgerInMemory
from tests.kit.rest import RestClient, rest
from tests.kit.typing import partial, settings_of
from tollway.contracts import identity_pb2, identity_pb2_grpc, ledger_pb2_grpc
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, tables
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.fabric.rest import RestServer
from tollway.fabric.rest.sql import SqlAnswers
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.kit.errors import NotFound
from tollway.services.payments.http import router
from tollway.services.payments.jobs import JOBS as SERVICE_JOBS
from tollway.services.payments.model import Deposit
from tollway.services.payments.providers import PaymentProvider
from tollway.services.payments.providers.stripe import StripeProvider
from tollway.services.payments.service import Payments
from tollway.services.payments.settings import PaymentsSettings
from tollway.services.payments_mock.http import app
from tollway.services.payments_mock.jobs import JOBS
from tollway.services.payments_mock.service import PaymentsMock
from tollway.services.payments_mock.settings import PaymentsMockSettings

stripe.enable_telemetry = False


@dataclass
class Mock:
    """A served mock: its address, and its jobs."""

    service: PaymentsMock
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
        async with database(kind, folder, clock, service_migrations("payments_mock"), "mock") as fresh:
            async with running_mock(kind, folder, clock, fresh, **settings) as mock:
                yield mock
        return
    service = PaymentsMock(db, PaymentsMockSettings(**settings))
    server = RestServer(app(service), "127.0.0.1:0", drain_s=0)
    await server.start()
    try:
        yield Mock(service, f"http://127.0.0.1:{server.port}", Worker(service, SqlJobQueue(db), JOBS))
    finally:
        await server.stop()


class MockInThread:
    """A mock that lives in its own thread and event loop."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.clock = FakeClock()
        self._kind: Kind = kind
        self._folder = folder
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

    def client(self, key: str = "sk_test_contract", **options: Any) -> Any:
        """Give the official SDK's client, pointed here."""
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url},
            max_network_retries=options.pop("max_network_retries", 0),
            http_client=stripe.RequestsClient(timeout=options.pop("timeout", 30)),
            **options,
        )

    def deliver(self) -> int:
        """Do all deliveries that are due."""
        assert self._mock is not None
        return self._do(self._mock.deliver())

    def reset(self) -> None:
        """Forget everything."""
        assert self._mock is not None
        self._do(self._mock.service.reset(webhook_endpoints=True))

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@dataclass
class Received:
    """A webhook as it came: the raw body and the signature header."""

    body: bytes
    signature: str


@dataclass
class Receiver:
    """Receives webhooks. `statuses` are the answers to give, in order; 200 when they have run out."""

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


class FakeIdentity(identity_pb2_grpc.IdentityServicer):
    """Knows everybody's address, and who has left."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    async def GetUser(self, request: identity_pb2.GetUserRequest, context: Any) -> identity_pb2.User:
        state = self.states.get(request.user_id, "active")
        if state == "unknown":
            raise NotFound
        return identity_pb2.User(id=request.user_id, email=f"{request.user_id}@example.com", state=state)


class LateApp:
    """An application that is set later, so that its address is known before."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@dataclass
class RunningPayments:
    """The payments service with the mock as its provider, a ledger in memory, and its REST API served."""

    db: Database
    clock: FakeClock
    mock: Mock
    ledger: LedgerInMemory
    apis: LocalServer
    identity: FakeIdentity
    channel: LocalChannel
    provider: StripeProvider
    providers: Mapping[str, PaymentProvider]
    service: Payments
    rest: RestClient
    worker: Worker
    public_url: str
    settings: PaymentsSettings
    currencies: Sequence[str]
    app: LateApp

    def sdk(self) -> Any:
        """Give a client of the provider, to look from the other side. Blocking: use it in a thread."""
        return stripe.StripeClient(
            "sk_test_payments", base_addresses={"api": self.mock.url}, http_client=stripe.RequestsClient()
        )

    async def at_provider(self, ask: Callable[[Any], Any]) -> Any:
        """Ask the provider itself."""
        return await asyncio.to_thread(ask, self.sdk())

    async def plan_fault(
        self, fault: str, match: str = "", delay_s: float | None = None, times: int = 1
    ) -> None:
        """Plan a failure at the provider."""
        await self.mock.service.plan_fault(fault, match=match, delay_s=delay_s, times=times)

    async def drain(self) -> None:
        """Deliver webhooks and run jobs until nothing is due."""
        while await self.mock.deliver() + await self.worker.run_due():
            pass

    async def load(self, deposit_id: str) -> Deposit:
        """Return a deposit as it is now."""
        return await self.service.settlement.load(deposit_id)

    async def published(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the events that were published."""
        async with self.db.snapshot() as tx:
            rows = await tx.all(tables.outbox.select().order_by(tables.outbox.c.position))
        return [(row.type, json.loads(row.data)) for row in rows]

    def balance(self, user_id: str, currency: str = "USD") -> int:
        """Return what is in a wallet."""
        return self.ledger.counters("user", user_id, currency, "available").balance

    def restarted(self, db: Any = None, channel: Any = None, provider: Any = None) -> Payments:
        """Give the service as another process would have it, on the same data."""
        providers = {**self.providers, self.provider.name: provider or self.provider}
        return open_service(
            db or self.db,
            self.settings,
            providers,
            channel or self.channel,
            self.public_url,
            self.currencies,
        )


def open_service(
    db: Any,
    settings: PaymentsSettings,
    providers: Mapping[str, Any],
    channel: Any,
    public_url: str,
    currencies: Sequence[str],
) -> Payments:
    return Payments(
        db,
        settings,
        providers,
        ledger_pb2_grpc.LedgerStub(channel),  # pyright: ignore[reportArgumentType]
        identity_pb2_grpc.IdentityStub(channel),  # pyright: ignore[reportArgumentType]
        currencies=currencies,
        public_url=public_url,
        seal_key=b"k" * 32,
    )


@asynccontextmanager
async def running_payments(
    kind: Kind,
    folder: Path,
    clock: FakeClock,
    *,
    timeout_s: float = 30,
    registers: bool = True,
    webhook_secret: str = "",
    others: Mapping[str, PaymentProvider] | None = None,
    currencies: Sequence[str] = ("USD", "EUR"),
    **settings: Any,
) -> AsyncIterator[RunningPayments]:
    """Run everything of the payments service, with real HTTP between it and its provider.

    `others` are providers beside the first one, which is called stripe and talks to the mock.
    """
    app_of_service, apis, ledger = LateApp(), LocalServer(), LedgerInMemory(clock)
    wanted = settings_of(PaymentsSettings, **settings)
    for currency in currencies:
        ledger.define(currency)
    ledger_pb2_grpc.add_LedgerServicer_to_server(ledger, apis)
    identity: FakeIdentity = partial(FakeIdentity)
    identity_pb2_grpc.add_IdentityServicer_to_server(identity, apis)
    channel = LocalChannel(apis, "payments")
    server = RestServer(app_of_service, "127.0.0.1:0", drain_s=0)
    await server.start()
    async with (
        database(kind, folder, clock, service_migrations("payments"), "payments") as db,
        running_mock("sqlite", folder, clock) as mock,
    ):
        provider = StripeProvider(
            "sk_test_payments",
            mock.url,
            timeout_s=timeout_s,
            retries=0,
            registers=registers and not webhook_secret,
            webhook_secret=webhook_secret,
        )
        providers: dict[str, PaymentProvider] = {"stripe": provider, **(others or {})}
        public_url = f"http://127.0.0.1:{server.port}"
        service = open_service(db, wanted, providers, channel, public_url, currencies)
        client = rest(router(service, SqlAnswers(service.db)))
        app_of_service.app = client.app
        await service.webhooks.register()
        try:
            yield RunningPayments(
                db,
                clock,
                mock,
                ledger,
                apis,
                identity,
                channel,
                provider,
                providers,
                service,
                client,
                Worker(service, SqlJobQueue(db), SERVICE_JOBS),
                public_url,
                wanted,
                currencies,
                app_of_service,
            )
        finally:
            await server.stop()
            await service.stop()
