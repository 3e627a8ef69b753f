"""The identity service with a real tokens service beside it and a mailbox that keeps what is sent."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.rest import ROLES, Reply, RestClient
from tests.kit.tokens import tokens_service, verifier_of
from tollway.contracts import (
    notifications_pb2,
    notifications_pb2_grpc,
    tokens_pb2_grpc,
    user_data_pb2,
    user_data_pb2_grpc,
)
from tollway.contracts.events import Event
from tollway.fabric.access_tokens import Revocations, Verifier
from tollway.fabric.db import Database, tables
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.fabric.rest import build_app
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.services.identity import http as identity_http
from tollway.services.identity.factors import FACTORS, MakeFactor
from tollway.services.identity.jobs import JOBS
from tollway.services.identity.service import Identity
from tollway.services.identity.settings import IdentitySettings
from tollway.services.tokens import http as tokens_http
from tollway.services.tokens.rpc import TokensRpc
from tollway.services.tokens.service import Tokens

PASSWORD = "correct horse battery"
OTHER_PASSWORD = "staple of the tortoise"


class Mailbox(notifications_pb2_grpc.NotificationsServicer):
    """Takes mails as notifications does, once per key, and keeps them."""

    def __init__(self) -> None:
        self.mails: list[notifications_pb2.SendEmailRequest] = []

    async def SendEmail(self, request: Any, context: Any) -> notifications_pb2.SendEmailResponse:
        replayed = any(mail.key == request.key for mail in self.mails)
        if not replayed:
            self.mails.append(request)
        return notifications_pb2.SendEmailResponse(message_id=request.key, replayed=replayed)


class Neighbour(user_data_pb2_grpc.UserDataServicer):
    """A service that has something against somebody's leaving, or nothing."""

    def __init__(self) -> None:
        self.obstacles: list[user_data_pb2.Obstacle] = []

    async def ListObstacles(self, request: Any, context: Any) -> user_data_pb2.ListObstaclesResponse:
        return user_data_pb2.ListObstaclesResponse(obstacles=self.obstacles)

    async def Export(self, request: Any, context: Any) -> AsyncGenerator[user_data_pb2.ExportPage]:
        yield user_data_pb2.ExportPage()


class IdentityFixture:
    """Everything a test of identity needs, and the short ways through it."""

    def __init__(self, db: Database, tokens: Tokens, clock: FakeClock, settings: dict[str, Any]) -> None:
        self.db, self.tokens, self.clock = db, tokens, clock
        self.mailbox, self.neighbour = Mailbox(), Neighbour()
        server = LocalServer()
        tokens_pb2_grpc.add_TokensServicer_to_server(TokensRpc(tokens), server)
        notifications_pb2_grpc.add_NotificationsServicer_to_server(self.mailbox, server)
        user_data_pb2_grpc.add_UserDataServicer_to_server(self.neighbour, server)
        self.server = server
        self.channel = LocalChannel(server, "identity")
        self._settings = IdentitySettings.model_validate({"hash_memory_kib": 64} | settings)
        self.service = self.replica()
        self.verifier: Verifier = verifier_of(tokens, clock)
        self.revocations = Revocations(clock)
        self.client = RestClient(
            build_app(
                [identity_http.router(self.service), tokens_http.router(tokens)],
                self.verifier,
                self.revocations,
                clock=clock,
                roles=ROLES,
            )
        )
        self._worker = Worker(self.service, SqlJobQueue(db), JOBS)

    def replica(
        self,
        factors: Sequence[MakeFactor] = FACTORS,
        db: Database | None = None,
        channel: LocalChannel | None = None,
    ) -> Identity:
        """Make another identity service on the same database, perhaps with other factors, or mortal."""
        asks = channel or self.channel
        return Identity(
            db or self.db,
            self._settings,
            "https://tollway.test/",
            tokens_pb2_grpc.TokensStub(asks),
            notifications_pb2_grpc.NotificationsStub(asks),
            b"a key of the tests for known browsers",
            factors,
            {"books": user_data_pb2_grpc.UserDataStub(asks)},
        )

    async def work(self) -> None:
        """Run the jobs that are due, and those that they leave, until there are none."""
        while await self._worker.run_due():
            pass

    async def mailed(self, template: str, to: str = "") -> list[notifications_pb2.SendEmailRequest]:
        """Run the jobs, then list the mails of one kind."""
        await self.work()
        return [mail for mail in self.mailbox.mails if mail.template == template and to in mail.to]

    async def mail_token(self, template: str, to: str = "") -> str:
        """Run the jobs, then read the token out of the latest mail of one kind."""
        return (await self.mailed(template, to))[-1].params["token"]

    async def published(self, event: type[Event]) -> list[Any]:
        """List the events of one kind that were published."""
        async with self.db.snapshot() as tx:
            query = select(tables.outbox).where(tables.outbox.c.type == event.topic)
            rows = await tx.all(query.order_by(tables.outbox.c.position))
        return [event.model_validate_json(row.data) for row in rows]

    async def sign_up(self, email: str = "ann@example.com", password: str = PASSWORD) -> str:
        """Register and verify an address; return the user's id."""
        await self.service.signup.register(email, password)
        await self.service.signup.verify(await self.mail_token("verify_email", email))
        return (await self.service.accounts.get_by_email(email)).id

    async def log_in(
        self,
        email: str = "ann@example.com",
        password: str = PASSWORD,
        *,
        path: str = "token",
        ip: str = "192.0.2.1",
    ) -> Reply:
        """Send a login over REST, from an address."""
        body = {"email": email, "password": password}
        return await self.client.call(
            "POST", f"/api/auth/{path}", body, headers={"x-forwarded-for": ip, "user-agent": "curl/8"}
        )

    async def apply_revocations(self) -> None:
        """Take in what the tokens service has published so far, as a follower would."""
        stream = self.tokens.follow_revocations(0)
        async for entry in stream:
            if not entry.session_id and not entry.user_id:
                break
            self.revocations.add(entry.session_id, entry.user_id, entry.at_us)
        await stream.aclose()


@asynccontextmanager
async def identity_fixture(
    kind: Kind, folder: Path, clock: FakeClock, **settings: Any
) -> AsyncIterator[IdentityFixture]:
    """Give a identity_fixture on fresh databases of this kind."""
    async with (
        database(kind, folder, clock, service_migrations("tokens"), "tokens") as tokens_db,
        database(kind, folder, clock, service_migrations("identity"), "identity") as db,
    ):
        fixture = IdentityFixture(db, tokens_service(tokens_db, clock), clock, settings)
        yield fixture
        await fixture.service.stop()
