"""Finds a room's neighbours: a direct await when they are in this process, gRPC with mutual TLS when not."""

import fcntl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tollway.contracts import facts_pb2_grpc
from tollway.fabric import tls
from tollway.fabric.clock import Clock
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.settings import Settings, SettingsWrong
from tollway.topology import ASKS, ROOMS, backends
from tollway.topology.build import STUBS


class Neighbours:
    """The doors as seen from one process, in which `rooms` live."""

    def __init__(self, settings: Settings, clock: Clock, members: Sequence[str], doors: LocalServer) -> None:
        self._settings = settings
        self._clock = clock
        self._members = members
        self._rooms = [name for name in members if name in ROOMS]
        self._doors = doors
        self._channels: dict[tuple[str, str], Any] = {}
        self._issue_certificates()

    @property
    def identity(self) -> str:
        """Whose certificate this process shows to callers."""
        return self._members[0] if len(self._members) == 1 else "business"

    def ask(self, asker: str) -> Callable[[str], Any]:
        """Give the function with which `asker` finds its neighbours' stubs. Raises SettingsWrong."""
        return lambda door: STUBS[door](self._channel(asker, door))

    def facts_of(self, asker: str, source: str) -> Any:
        """Give the stub with which `asker` reads the announcements of `source`."""
        return facts_pb2_grpc.FactsStub(self._channel(asker, source))

    def address(self, room: str) -> str:
        """Say where a room serves its door to other processes; empty when it does not."""
        known = self._settings.network.rpc
        return known.get(room, known.get("*", ""))

    async def close(self) -> None:
        """Close the connections to other processes."""
        for channel in self._channels.values():
            await channel.close()

    def _channel(self, asker: str, room: str) -> Any:
        if room in self._rooms:
            return LocalChannel(self._doors, asker)
        address = self.address(room)
        if not address:
            raise SettingsWrong(
                f'{asker} asks {room}, which runs in another process: say where with network.rpc.{room} = "host:port"'
            )
        if (asker, room) not in self._channels:
            from tollway.fabric.rpc.remote import RemoteChannel

            folder = backends.certificates(self._settings)
            self._channels[asker, room] = RemoteChannel(address.split(","), room, folder, asker)
        return self._channels[asker, room]

    def _issue_certificates(self) -> None:
        folder = backends.certificates(self._settings)
        folder.mkdir(parents=True, exist_ok=True)
        # Processes of one machine start together; the first makes the authority, the others use it.
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._ensure_certificates(folder)

    def _ensure_certificates(self, folder: Path) -> None:
        hosts = list(self._settings.network.hosts)
        wanted = {name: [*hosts, name] for name in self._members if self._asks_far(name)}
        if any(self.address(name) for name in self._rooms):
            wanted[self.identity] = [*hosts, *self._rooms]
        for name, names in sorted(wanted.items()):
            tls.ensure(folder, name, names, self._clock)

    def _asks_far(self, name: str) -> bool:
        hears = ROOMS[name].hears if name in ROOMS else ()
        verifies = ("tokens",) if name in ROOMS and ROOMS[name].paths else ()
        return any(door not in self._rooms for door in (*ASKS[name], *hears, *verifies))
