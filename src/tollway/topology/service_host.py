"""The services of a process: their data, their service APIs, their REST side and the work they do by themselves."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tollway.contracts import call_rules, events_pb2_grpc, tokens_pb2, user_data_pb2_grpc
from tollway.fabric import retention
from tollway.fabric.access_tokens import Revocations
from tollway.fabric.checked_tokens import INSIDE_GRACE_S, CheckedTokens
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, migrate
from tollway.fabric.events import EventConsumer, bind
from tollway.fabric.events.pull import OutboxServer
from tollway.fabric.jobs import Timed, Worker
from tollway.fabric.lifecycle import Lifecycle
from tollway.fabric.rest import RestServer, build_app
from tollway.fabric.retention import RetentionPolicy
from tollway.fabric.rpc import LocalServer
from tollway.fabric.rpc.acting import Acting
from tollway.fabric.secrets import Secrets
from tollway.fabric.service import ServiceParts, serve
from tollway.fabric.user_data import UserDataServer
from tollway.kit.tasks import cancel, spawn
from tollway.settings import Settings
from tollway.topology import SERVICES, backends, call_policy, roles, subscribers_of, wiring_gateway
from tollway.topology.service_clients import ServiceClients
from tollway.topology.service_context import make_context

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

DAY_S = 86_400
RETENTION_EVERY_S = 3600


class ServiceHost:
    """Builds the services of a process and adds their parts to its life."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        secrets: Secrets,
        clients: ServiceClients,
        services: Sequence[str],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._clients = clients
        self._databases = {name: backends.open_database(settings, name, clock) for name in services}
        self._built: dict[str, ServiceParts] = {}
        for name, database in self._databases.items():
            context = make_context(
                settings,
                name,
                database,
                clock,
                secrets,
                clients.client(name),
                partial(clients.user_data, name),
            )
            self._built[name] = SERVICES[name].build(context)
        self._revocations = Revocations(clock)

    @property
    def prepares(self) -> dict[str, Callable[[], Any]]:
        """What the services do once everything is up, by service."""
        return {name: parts.prepare for name, parts in self._built.items() if parts.prepare is not None}

    def add_to(self, life: Lifecycle, apis: LocalServer, states: Callable[[], dict[str, str]]) -> None:
        """Add every part, each after what it needs."""
        for name, database in self._databases.items():
            life.add(f"{name}.data", _MigratedDatabase(database, name))
        apis.acting = self._acting()
        life.add("service APIs", apis, after=[f"{name}.data" for name in self._databases])
        self._serve_apis(life, apis)
        for name, parts in self._built.items():
            self._add_work(life, name, parts)
        self._serve_rest(life, states)

    def _serve_apis(self, life: Lifecycle, apis: LocalServer) -> None:
        servers: list[Any] = [apis]
        for address in sorted({self._clients.address(name) for name in self._built} - {""}):
            from tollway.fabric.rpc.server import RpcServer

            folder = backends.certificates(self._settings)
            server = RpcServer(
                address,
                folder,
                self._clients.identity,
                call_policy(),
                call_rules.RULES,
                acting=apis.acting,
            )
            servers.append(server)
            life.add(f"service APIs at {address}", server, after=["service APIs"])
        events = OutboxServer({name: subscribers_of(name) for name in self._databases})
        for name, database in self._databases.items():
            events.add(name, backends.open_outbox(database))
        user_data = UserDataServer()
        for name, parts in self._built.items():
            if parts.user_data is not None:
                user_data.add(name, parts.user_data)
        for server in servers:
            user_data_pb2_grpc.add_UserDataServicer_to_server(user_data, server)
            events_pb2_grpc.add_EventsServicer_to_server(events, server)
            for name, parts in self._built.items():
                if (api := SERVICES[name].api) is not None:
                    serve(api, parts.rpc, server)

    def _acting(self) -> Acting | None:
        """Prove for whom calls to the services of this process are made; None when none is a part of the business."""
        caller = next((name for name in self._built if SERVICES[name].rest), "")
        if not caller:
            return None
        verifier = wiring_gateway.make_verifier(
            self._settings, self._clock, self._clients.client(caller)("tokens"), INSIDE_GRACE_S, inside=True
        )
        tokens = CheckedTokens(verifier, self._clock, self._revocations)
        return Acting(tokens, call_rules.ACTING_RULES, call_rules.NEEDS_TOKEN)

    def _add_work(self, life: Lifecycle, name: str, parts: ServiceParts) -> None:
        database = self._databases[name]
        for label, component in parts.components:
            life.add(f"{name}.{label}", component, after=["service APIs"])
        timed = {**parts.timed, "retention": self._retention(name, database)}
        life.add(
            f"{name}.work",
            Worker(parts.service, backends.open_jobs(database), parts.jobs, timed, name),
            after=["service APIs"],
        )
        manifest = SERVICES[name]
        if parts.subscribers is not None:
            subscribers = bind(parts.subscribers, manifest.subscribes)
            sources = {source: self._clients.event_source(name, source) for source in manifest.sources}
            inbox = backends.open_event_inbox(database)
            consumer = EventConsumer(parts.service, inbox, subscribers, sources, name)
            life.add(f"{name}.subscriptions", consumer, after=["service APIs"])

    def _retention(self, name: str, database: Database) -> Timed:
        kept = self._settings.retention
        ages = RetentionPolicy(
            kept.events_days * DAY_S, max(kept.events_days, kept.unread_days) * DAY_S, kept.jobs_days * DAY_S
        )
        readers = subscribers_of(name)

        async def prune_plumbing(_service: Any) -> None:
            await retention.prune_plumbing(database, ages, readers)

        return Timed(every_s=RETENTION_EVERY_S, run=prune_plumbing)

    def _serve_rest(self, life: Lifecycle, states: Callable[[], dict[str, str]]) -> None:
        routers = {name: parts.router for name, parts in self._built.items() if parts.router is not None}
        if not routers:
            return
        tokens: TokensAsyncStub = self._clients.client(next(iter(routers)))("tokens")
        revocations = self._revocations
        verifier = wiring_gateway.make_verifier(self._settings, self._clock, tokens)
        app = build_app(list(routers.values()), verifier, revocations, states, roles=roles())
        life.add("revocations", _RevocationFollower(revocations, tokens), after=["service APIs"])
        for address in sorted({wiring_gateway.own_rest_address(self._settings, name) for name in routers}):
            server = RestServer(app, address, gateways=self._settings.network.gateways)
            life.add(f"rest at {address}", server, after=["service APIs"])


class _MigratedDatabase:
    """A service's database: opened and brought up to date at start."""

    def __init__(self, database: Database, service: str) -> None:
        self._database, self._service = database, service

    async def start(self) -> None:
        await self._database.start()
        await migrate(self._database, backends.service_migrations(self._service))

    async def stop(self) -> None:
        await self._database.stop()


class _RevocationFollower:
    """The task that keeps the revoked sessions up to date."""

    def __init__(self, revocations: Revocations, tokens: "TokensAsyncStub") -> None:
        self._revocations, self._tokens = revocations, tokens
        self._task: asyncio.Task[None] | None = None

    def _subscribe(self, after: int) -> Any:
        return self._tokens.FollowRevocations(tokens_pb2.FollowRevocationsRequest(after=after))

    async def start(self) -> None:
        self._task = spawn(self._revocations.follow(self._subscribe), "revocations")

    async def stop(self) -> None:
        await cancel(self._task)
