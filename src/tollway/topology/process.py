"""Assembles one process out of its targets. The rooms cannot tell what was decided here."""

import asyncio
import fcntl
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tollway import __version__
from tollway.contracts import facts_pb2_grpc, tokens_pb2
from tollway.fabric import tls
from tollway.fabric.bearer import Revocations, Verifier
from tollway.fabric.bus import FactsLog, FactsRpc, Listener
from tollway.fabric.clock import Clock, SystemClock
from tollway.fabric.db import Database, migrate
from tollway.fabric.jobs import Worker
from tollway.fabric.lifecycle import Lifecycle
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.fabric.secrets import load_or_make
from tollway.kit.errors import Problem
from tollway.kit.tasks import cancel, spawn
from tollway.settings import Settings, SettingsWrong
from tollway.topology import ASKS, EDGE, GATEWAY, ROOMS, backends, door_policy, fronts, members
from tollway.topology.build import BUILDERS, STUBS
from tollway.topology.house import House, Parts

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

_log = logging.getLogger(__name__)


class Process:
    """The rooms and edges of one process, wired by the topology."""

    def __init__(self, settings: Settings, targets: Sequence[str], worker: int = 0) -> None:
        self.settings = settings
        self.members = members(list(targets))
        self.rooms = tuple(name for name in self.members if name in ROOMS)
        self.clock: Clock = SystemClock()
        self.life = Lifecycle()
        self._worker = worker
        self._secrets = load_or_make(settings.data / "secrets" / "master.key", settings.security.master_key)
        self._doors = LocalServer(door_policy())
        self._channels: dict[tuple[str, str], Any] = {}
        self._databases: dict[str, Database] = {}
        self._prepare: list[tuple[str, Callable[[], Any]]] = []
        self._preparing: list[asyncio.Task[None]] = []
        self._wire()

    async def start(self) -> None:
        """Bring everything up; afterwards the rooms prepare what they need. Raises StartFailed."""
        await self.life.start()
        self._preparing = [
            spawn(self._until_done(name, work), f"prepare-{name}") for name, work in self._prepare
        ]

    def facts(self) -> dict[str, Any]:
        """Say what somebody outside would want to know of this process."""
        return {"members": self.members, "version": __version__}

    async def stop(self) -> None:
        """Bring everything down in reverse."""
        for task in self._preparing:
            await cancel(task)
        await self.life.stop()
        for channel in self._channels.values():
            await channel.close()

    # ── wiring ──────────────────────────────────────────────────────────────────────────────────────────

    def _wire(self) -> None:
        self._issue_certificates()
        built = {name: self._build(name) for name in self.rooms}
        self.life.add("doors", self._doors, after=[f"{name}.data" for name in self.rooms])
        self._serve_doors(built)
        for name, parts in built.items():
            self._add_work(name, parts)
        self._serve_rest(built)
        if GATEWAY in self.members:
            verifier = make_verifier(self.settings, self.clock, self.ask(GATEWAY)("tokens"))
            front, status = fronts.gateway(self.settings, self.clock, verifier, self.ask(GATEWAY))
            self.life.add("status", status, after=["rest"])
            self.life.add(GATEWAY, front, after=["status"])
        if EDGE in self.members:
            front = fronts.edge(self.settings, self.clock, self.ask(EDGE), self._worker)
            self.life.add(EDGE, front, after=["doors"])

    def _build(self, name: str) -> Parts:
        database = backends.open_database(self.settings, name, self.clock)
        self._databases[name] = database
        self.life.add(f"{name}.data", _Data(database, name))
        parts = BUILDERS[name](House(database, self.clock, self.settings, self._secrets, self.ask(name)))
        if parts.serve is not None:
            parts.serve(self._doors)
        if parts.prepare is not None:
            self._prepare.append((name, parts.prepare))
        return parts

    def _serve_doors(self, built: dict[str, Parts]) -> None:
        facts = FactsRpc({name: FactsLog(self._databases[name]) for name in self.rooms})
        facts_pb2_grpc.add_FactsServicer_to_server(facts, self._doors)
        for address in sorted({self._address(name) for name in self.rooms} - {""}):
            from tollway.fabric.rpc.server import RpcServer

            server = RpcServer(address, backends.certificates(self.settings), self._identity, door_policy())
            for parts in built.values():
                if parts.serve is not None:
                    parts.serve(server)
            facts_pb2_grpc.add_FactsServicer_to_server(facts, server)
            self.life.add(f"doors at {address}", server, after=["doors"])

    def _add_work(self, name: str, parts: Parts) -> None:
        for label, component in parts.components:
            self.life.add(f"{name}.{label}", component, after=["doors"])
        if parts.jobs or parts.timed:
            worker = Worker(parts.room, self._databases[name], parts.jobs, parts.timed)
            self.life.add(f"{name}.work", worker, after=["doors"])
        if parts.hears:
            sources = {source: self._facts_of(name, source) for source in ROOMS[name].hears}
            listener = Listener(parts.room, self._databases[name], parts.hears, sources)
            self.life.add(f"{name}.hearing", listener, after=["doors"])

    def _serve_rest(self, built: dict[str, Parts]) -> None:
        routers = [parts.router for parts in built.values() if parts.router is not None]
        if not routers:
            return
        from tollway.fabric.rest import RestServer, build_app

        asker = next(name for name, parts in built.items() if parts.router is not None)
        tokens: TokensAsyncStub = self.ask(asker)("tokens")
        revocations = Revocations(self.clock)
        verifier = make_verifier(self.settings, self.clock, tokens)
        app = build_app(routers, verifier, revocations, lambda: self.life.states)
        self.life.add("revocations", _Following(revocations, tokens), after=["doors"])
        for address in sorted(
            {fronts.rest_address(self.settings, name) for name in self.rooms if built[name].router}
        ):
            self.life.add(f"rest at {address}", RestServer(app, address), after=["doors"])
        self.life.add(
            "rest", _Nothing(), after=[name for name in self.life.states if name.startswith("rest at")]
        )

    # ── finding neighbours ──────────────────────────────────────────────────────────────────────────────

    def ask(self, asker: str) -> Callable[[str], Any]:
        """Give the function with which `asker` finds its neighbours' stubs."""
        return lambda door: STUBS[door](self._channel(asker, door))

    def _channel(self, asker: str, room: str) -> Any:
        if room in self.rooms:
            return LocalChannel(self._doors, asker)
        address = self._address(room)
        if not address:
            raise SettingsWrong(
                f'{asker} asks {room}, which runs in another process: say where with network.rpc.{room} = "host:port"'
            )
        if (asker, room) not in self._channels:
            from tollway.fabric.rpc.remote import RemoteChannel

            self._channels[asker, room] = RemoteChannel(
                address.split(","), room, backends.certificates(self.settings), asker
            )
        return self._channels[asker, room]

    def _facts_of(self, asker: str, source: str) -> Any:
        return facts_pb2_grpc.FactsStub(self._channel(asker, source))

    def _address(self, room: str) -> str:
        known = self.settings.network.rpc
        return known.get(room, known.get("*", ""))

    @property
    def _identity(self) -> str:
        return self.members[0] if len(self.members) == 1 else "business"

    def _issue_certificates(self) -> None:
        folder = backends.certificates(self.settings)
        folder.mkdir(parents=True, exist_ok=True)
        # Processes of one machine start together; the first makes the authority, the others use it.
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._ensure_certificates(folder)

    def _ensure_certificates(self, folder: Path) -> None:
        hosts = list(self.settings.network.hosts)
        serves = any(self._address(name) for name in self.rooms)
        if serves:
            tls.ensure(folder, self._identity, [*hosts, *self.rooms], self.clock)
        far = {name for name in self.members for door in self._asked(name) if door not in self.rooms}
        for name in sorted(far - {self._identity} if serves else far):
            tls.ensure(folder, name, [*hosts, name], self.clock)

    def _asked(self, name: str) -> set[str]:
        hears = set(ROOMS[name].hears) if name in ROOMS else set[str]()
        verifies = {"tokens"} if name in ROOMS and ROOMS[name].paths else set[str]()
        return set(ASKS[name]) | hears | verifies

    async def _until_done(self, name: str, work: Callable[[], Any]) -> None:
        delay_s = 0.1
        while True:
            try:
                await work()
            except Problem as problem:
                _log.info("%s prepares later: %s", name, problem.detail)
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, 5.0)
            else:
                return


def make_verifier(settings: Settings, clock: Clock, tokens: "TokensAsyncStub") -> Verifier:
    """Make the checker of access tokens that fetches its keys through the tokens door."""

    async def keys() -> str:
        return (await tokens.GetKeys(tokens_pb2.GetKeysRequest())).jwks_json

    return Verifier(keys, settings.tokens.issuer, settings.tokens.audience, clock)


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


class _Nothing:
    """A name to wait for."""

    async def start(self) -> None:
        """Nothing to do: what it stands for is up."""

    async def stop(self) -> None:
        """Nothing to do."""
