"""The rooms of a process: their data, their doors, their REST side and the work they do by themselves."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tollway.contracts import facts_pb2_grpc, tokens_pb2
from tollway.fabric import retention
from tollway.fabric.bearer import Revocations
from tollway.fabric.bus import FactsLog, FactsRpc, Listener
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, migrate
from tollway.fabric.jobs import Timed, Worker
from tollway.fabric.lifecycle import Lifecycle
from tollway.fabric.rest import RestServer, build_app
from tollway.fabric.retention import Ages
from tollway.fabric.rpc import LocalServer
from tollway.fabric.secrets import Secrets
from tollway.kit.tasks import cancel, spawn
from tollway.settings import Settings
from tollway.topology import ROOMS, backends, door_policy, fronts
from tollway.topology.build import BUILDERS
from tollway.topology.house import House, Parts
from tollway.topology.neighbours import Neighbours

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub


DAY_S = 86_400
RETENTION_EVERY_S = 3600


class Residents:
    """Builds the rooms of a process and adds their parts to its life."""

    def __init__(
        self, settings: Settings, clock: Clock, secrets: Secrets, neighbours: Neighbours, rooms: Sequence[str]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._neighbours = neighbours
        self._databases = {name: backends.open_database(settings, name, clock) for name in rooms}
        self._built: dict[str, Parts] = {}
        for name, database in self._databases.items():
            house = House(database, clock, settings, secrets, neighbours.ask(name))
            self._built[name] = BUILDERS[name](house)

    @property
    def prepares(self) -> dict[str, Callable[[], Any]]:
        """What the rooms do once everything is up, by room."""
        return {name: parts.prepare for name, parts in self._built.items() if parts.prepare is not None}

    def move_in(self, life: Lifecycle, doors: LocalServer, states: Callable[[], dict[str, str]]) -> None:
        """Add every part, each after what it needs."""
        for name, database in self._databases.items():
            life.add(f"{name}.data", _Data(database, name))
        life.add("doors", doors, after=[f"{name}.data" for name in self._databases])
        self._serve_doors(life, doors)
        for name, parts in self._built.items():
            self._add_work(life, name, parts)
        self._serve_rest(life, states)

    def _serve_doors(self, life: Lifecycle, doors: LocalServer) -> None:
        servers: list[Any] = [doors]
        for address in sorted({self._neighbours.address(name) for name in self._built} - {""}):
            from tollway.fabric.rpc.server import RpcServer

            folder = backends.certificates(self._settings)
            server = RpcServer(address, folder, self._neighbours.identity, door_policy())
            servers.append(server)
            life.add(f"doors at {address}", server, after=["doors"])
        facts = FactsRpc({name: FactsLog(database) for name, database in self._databases.items()})
        for server in servers:
            facts_pb2_grpc.add_FactsServicer_to_server(facts, server)
            for parts in self._built.values():
                if parts.serve is not None:
                    parts.serve(server)

    def _add_work(self, life: Lifecycle, name: str, parts: Parts) -> None:
        database = self._databases[name]
        for label, component in parts.components:
            life.add(f"{name}.{label}", component, after=["doors"])
        timed = {**parts.timed, "retention": self._retention(name, database)}
        life.add(f"{name}.work", Worker(parts.room, database, parts.jobs, timed), after=["doors"])
        if parts.hears:
            sources = {source: self._neighbours.facts_of(name, source) for source in ROOMS[name].hears}
            listener = Listener(parts.room, database, parts.hears, sources, name)
            life.add(f"{name}.hearing", listener, after=["doors"])

    def _retention(self, name: str, database: Database) -> Timed:
        kept = self._settings.retention
        ages = Ages(
            kept.facts_days * DAY_S, max(kept.facts_days, kept.unread_days) * DAY_S, kept.jobs_days * DAY_S
        )
        readers = [room.name for room in ROOMS.values() if name in room.hears]

        async def tend(_room: Any) -> None:
            await retention.tend(database, ages, readers)

        return Timed(every_s=RETENTION_EVERY_S, run=tend)

    def _serve_rest(self, life: Lifecycle, states: Callable[[], dict[str, str]]) -> None:
        routers = {name: parts.router for name, parts in self._built.items() if parts.router is not None}
        if not routers:
            return
        tokens: TokensAsyncStub = self._neighbours.ask(next(iter(routers)))("tokens")
        revocations = Revocations(self._clock)
        verifier = fronts.make_verifier(self._settings, self._clock, tokens)
        app = build_app(list(routers.values()), verifier, revocations, states)
        life.add("revocations", _Following(revocations, tokens), after=["doors"])
        for address in sorted({fronts.rest_address(self._settings, name) for name in routers}):
            life.add(f"rest at {address}", RestServer(app, address), after=["doors"])


class _Data:
    """Opens a room's database and brings it up to date."""

    def __init__(self, database: Database, room: str) -> None:
        self._database, self._room = database, room

    async def start(self) -> None:
        await self._database.start()
        await migrate(self._database, backends.room_migrations(self._room))

    async def stop(self) -> None:
        await self._database.stop()


class _Following:
    """Keeps the revoked sessions up to date."""

    def __init__(self, revocations: Revocations, tokens: "TokensAsyncStub") -> None:
        self._follow = partial(revocations.follow, self._subscribe)
        self._tokens = tokens
        self._task: asyncio.Task[None] | None = None

    def _subscribe(self, after: int) -> Any:
        return self._tokens.FollowRevocations(tokens_pb2.FollowRevocationsRequest(after=after))

    async def start(self) -> None:
        self._task = spawn(self._follow(), "revocations")

    async def stop(self) -> None:
        await cancel(self._task)
