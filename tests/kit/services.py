"""Every business service in one event loop, on fresh databases, with a clock that a test moves.

Events are followed as in a running platform; jobs are done when a test says so (`settle`). There is no gateway and no
edge: tests call the services' operations. Cards are kept by the payment mock.
"""

import asyncio
import email
import email.policy
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from tests.kit.clock import FakeClock
from tests.kit.eventually import TIMEOUT_S
from tests.kit.metering import ENDPOINTS
from tests.kit.payments import running_mock
from tollway.contracts import call_rules, events_pb2_grpc, user_data_pb2_grpc
from tollway.contracts.events import Event
from tollway.fabric.db import Database, migrate, tables
from tollway.fabric.events import EventConsumer, bind
from tollway.fabric.events.pull import OutboxServer
from tollway.fabric.jobs import Worker
from tollway.fabric.retention import RetentionPolicy, prune_plumbing
from tollway.fabric.rpc import LocalServer
from tollway.fabric.secrets import Secrets
from tollway.fabric.service import ServiceParts, serve
from tollway.fabric.user_data import UserDataServer
from tollway.settings import load
from tollway.topology import SERVICES, backends, call_policy, members, subscribers_of
from tollway.topology.service_clients import ServiceClients
from tollway.topology.service_context import make_context

DAY_S = 86_400
PRUNED = RetentionPolicy(events_s=7 * DAY_S, unread_s=30 * DAY_S, jobs_s=30 * DAY_S)
NAMES = tuple(name for name, service in SERVICES.items() if not service.development)
PASSWORD = "correct horse battery"


class AllServices:
    """The services by name, and what makes time and events go on."""

    def __init__(self, folder: Path, clock: FakeClock, mock_url: str, **settings: Any) -> None:
        self.folder, self.clock = folder, clock
        given = {"data": str(folder), "network.payments_mock": mock_url.removeprefix("http://"), **settings}
        self.settings = load(given).settings
        self._apis = LocalServer(call_policy(), call_rules.RULES)
        self._clients = ServiceClients(self.settings, clock, members(["all"]), self._apis)
        self.databases = {name: backends.open_database(self.settings, name, clock) for name in NAMES}
        secrets = Secrets(b"a master key of the tests, 32 byt")
        self.parts: dict[str, ServiceParts] = {
            name: SERVICES[name].build(
                make_context(
                    self.settings,
                    name,
                    database,
                    clock,
                    secrets,
                    self._clients.client(name),
                    partial(self._clients.user_data, name),
                )
            )
            for name, database in self.databases.items()
        }
        self._workers = {
            name: Worker(parts.service, backends.open_jobs(self.databases[name]), parts.jobs)
            for name, parts in self.parts.items()
        }

    def __getattr__(self, name: str) -> Any:
        """Give a service's operations by its name: `services.identity`."""
        if name not in NAMES:
            raise AttributeError(name)
        return self.parts[name].service

    async def start(self, stack: AsyncExitStack) -> None:
        for name, database in self.databases.items():
            await database.start()
            stack.push_async_callback(database.stop)
            await migrate(database, backends.service_migrations(name))
        events = OutboxServer({name: subscribers_of(name) for name in NAMES})
        user_data = UserDataServer()
        for name, parts in self.parts.items():
            events.add(name, backends.open_outbox(self.databases[name]))
            if parts.user_data is not None:
                user_data.add(name, parts.user_data)
            if (api := SERVICES[name].api) is not None:
                serve(api, parts.rpc, self._apis)
        events_pb2_grpc.add_EventsServicer_to_server(events, self._apis)
        user_data_pb2_grpc.add_UserDataServicer_to_server(user_data, self._apis)
        for name, parts in self.parts.items():
            for label, component in parts.components:
                if label != "inbox":
                    await component.start()
                    stack.push_async_callback(component.stop)
            if parts.subscribers is not None:
                consumer = self._consumer(name, parts)
                await consumer.start()
                stack.push_async_callback(consumer.stop)
        await self.catalog.prepare()
        await self.access.nodes.open("edge-1", "boot-1", ENDPOINTS)

    def _consumer(self, name: str, parts: ServiceParts) -> EventConsumer:
        manifest = SERVICES[name]
        assert parts.subscribers is not None
        sources = {
            source: self._clients.event_source(name, source) for source in manifest.sources if source in NAMES
        }
        inbox = backends.open_event_inbox(self.databases[name])
        return EventConsumer(
            parts.service, inbox, bind(parts.subscribers, manifest.subscribes), sources, name
        )

    async def settle(self) -> None:
        """Do the jobs that are due and take in the events, and what follows from them, until nothing is left."""
        while True:
            ran = sum([await worker.run_due() for worker in self._workers.values()])
            if not ran and not await self._unread():
                return
            await self._taken_in()

    async def _taken_in(self) -> None:
        """Wait until every follower has taken in what was published."""
        async with asyncio.timeout(TIMEOUT_S):
            while await self._unread():
                await asyncio.sleep(0.005)

    async def _unread(self) -> list[tuple[str, str, int, int]]:
        """List who has not taken in all of whose events: (consumer, source, position, newest)."""
        newest = {name: await self._newest(database) for name, database in self.databases.items()}
        found: list[tuple[str, str, int, int]] = []
        for name in NAMES:
            inbox = backends.open_event_inbox(self.databases[name])
            for source in SERVICES[name].sources:
                if source in NAMES and (position := await inbox.position(source)) < newest[source]:
                    found.append((name, source, position, newest[source]))
        return found

    async def _newest(self, database: Database) -> int:
        async with database.snapshot() as tx:
            return await tx.scalar(select(func.max(tables.outbox.c.position))) or 0

    async def publish(self, event: Event) -> None:
        """Publish an event in the name of its service."""
        async with self.databases[event.source].transaction() as tx:
            tx.publish(event)

    async def prune(self) -> None:
        """Do what retention does every hour."""
        for name, database in self.databases.items():
            await prune_plumbing(database, PRUNED, subscribers_of(name))
            for timed in self.parts[name].timed.values():
                await timed.run(self.parts[name].service)

    async def customer(self, address: str, password: str = PASSWORD) -> str:
        """Register and verify somebody; return their id."""
        await self.identity.signup.register(address, password)
        await self.settle()
        await self.identity.signup.verify(self.mailed_token(address))
        await self.settle()
        return (await self.identity.accounts.get_by_email(address)).id

    def mailed_token(self, address: str) -> str:
        """Read the token out of the newest link that was mailed to an address."""
        (newest,) = self.mails(address)[-1:]
        found = re.search(r"#token=([A-Za-z0-9_-]{43})", newest)
        assert found is not None, newest
        return found[1]

    def mails(self, address: str) -> list[str]:
        """List the texts that were mailed to an address, the oldest first: subject and plain text."""
        texts: list[str] = []
        for path in sorted((self.folder / "blobs" / "inbox").glob("*.eml")):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = mail.get_body(("plain",))
            if mail["To"] == address and body is not None:
                texts.append(f"{mail['Subject']}\n{body.get_content()}")
        return texts

    def places_of(self, text: str) -> set[str]:
        """Name every column of every database that holds a text: `service.table.column`."""
        found: set[str] = set()
        for path in sorted((self.folder / "services").glob("*.db")):
            with sqlite3.connect(path) as connection:
                names = [
                    row[0]
                    for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                ]
                for table in names:
                    cursor = connection.execute(f'SELECT * FROM "{table}"')
                    columns = [column[0] for column in cursor.description]
                    for row in cursor:
                        found |= {
                            f"{path.stem}.{table}.{column}"
                            for column, cell in zip(columns, row, strict=True)
                            if text in (cell.decode("latin-1") if isinstance(cell, bytes) else str(cell))
                        }
            connection.close()
        return found


@asynccontextmanager
async def all_services(folder: Path, clock: FakeClock, **settings: Any) -> AsyncIterator[AllServices]:
    """Give every service, started."""
    async with AsyncExitStack() as stack:
        mock = await stack.enter_async_context(running_mock("sqlite", folder, clock))
        services = AllServices(folder, clock, mock.url, **settings)
        await services.start(stack)
        yield services
