"""Finds a service's neighbours: a direct await when they are in this process, gRPC with mutual TLS when not."""

import fcntl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tollway.contracts import events_pb2_grpc
from tollway.fabric import tls
from tollway.fabric.clock import Clock
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.fabric.service import stub_of
from tollway.settings import InvalidSettings, Settings
from tollway.topology import SERVICES, backends, calls_of

if TYPE_CHECKING:
    from tollway.fabric.events import EventSource


class ServiceClients:
    """The service APIs as seen from one process, in which `services` live."""

    def __init__(self, settings: Settings, clock: Clock, members: Sequence[str], apis: LocalServer) -> None:
        self._settings = settings
        self._clock = clock
        self._members = members
        self._services = [name for name in members if name in SERVICES]
        self._apis = apis
        self._channels: dict[tuple[str, str], Any] = {}
        self._issue_certificates()

    @property
    def identity(self) -> str:
        """Whose certificate this process shows to callers."""
        return self._members[0] if len(self._members) == 1 else "business"

    def client(self, caller: str) -> Callable[[str], Any]:
        """Give the function with which `caller` finds its neighbours' stubs.

        It raises InvalidSettings for one that runs elsewhere at an unknown address. An assertion fails for an API
        that the caller's manifest does not name.
        """
        allowed = calls_of(caller)

        def find(api: str) -> Any:
            assert allowed.get(api), f"{caller} does not declare that it calls {api}"
            module = SERVICES[api].api
            assert module is not None, f"{api} serves no API"
            return stub_of(module, self._channel(caller, api))

        return find

    def event_source(self, caller: str, source: str) -> "EventSource":
        """Give what `caller` follows the events of `source` with."""
        from tollway.fabric.events.pull import PulledEvents

        stub: Any = events_pb2_grpc.EventsStub(self._channel(caller, source))
        return PulledEvents(source, stub)

    def address(self, service: str) -> str:
        """Say where a service serves its service API to other processes; empty when it does not."""
        known = self._settings.network.rpc
        return known.get(service, known.get("*", ""))

    async def close(self) -> None:
        """Close the connections to other processes."""
        for channel in self._channels.values():
            await channel.close()

    def _channel(self, caller: str, service: str) -> Any:
        if service in self._services:
            return LocalChannel(self._apis, caller)
        address = self.address(service)
        if not address:
            raise InvalidSettings(
                f"{caller} calls {service}, which runs in another process: "
                f'set its address with network.rpc.{service} = "host:port"'
            )
        if (caller, service) not in self._channels:
            from tollway.fabric.rpc.remote import RemoteChannel

            folder = backends.certificates(self._settings)
            self._channels[caller, service] = RemoteChannel(address.split(","), service, folder, caller)
        return self._channels[caller, service]

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
        if any(self.address(name) for name in self._services):
            wanted[self.identity] = [*hosts, *self._services]
        for name, names in sorted(wanted.items()):
            tls.ensure(folder, name, names, self._clock)

    def _asks_far(self, name: str) -> bool:
        sources = SERVICES[name].sources if name in SERVICES else ()
        return any(api not in self._services for api in (*calls_of(name), *sources))
