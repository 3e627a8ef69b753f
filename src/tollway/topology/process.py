"""Assembles one process out of its targets. Nothing in the services depends on what is decided here."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from tollway import __version__
from tollway.contracts import call_rules
from tollway.fabric.admin import OK, AdminServer
from tollway.fabric.backoff import Backoff
from tollway.fabric.clock import Clock, SystemClock
from tollway.fabric.hosts import Hosts
from tollway.fabric.lifecycle import Lifecycle
from tollway.fabric.rpc import LocalServer
from tollway.fabric.secrets import load_or_make
from tollway.kit.errors import Problem, Unavailable
from tollway.kit.tasks import cancel, spawn
from tollway.settings import InvalidSettings, Settings
from tollway.topology import (
    EDGE,
    GATEWAY,
    SERVICES,
    backends,
    call_policy,
    members,
    wiring_edge,
    wiring_gateway,
)
from tollway.topology.first_operator import make_first_operator
from tollway.topology.service_clients import ServiceClients

_log = logging.getLogger(__name__)

PREPARE_BACKOFF = Backoff(first_s=0.1, limit_s=2.0)


class Process:
    """The services, gateway and edge of one process, wired by the topology. Raises KeyError, InvalidSettings."""

    def __init__(self, settings: Settings, targets: Sequence[str], worker: int = 0) -> None:
        self.members = members(list(targets))
        _refuse_in_production(settings, self.members)
        self.life = Lifecycle()
        self._settings = settings
        self._clock: Clock = SystemClock()
        self._apis = LocalServer(call_policy(), call_rules.RULES)
        self._clients = ServiceClients(settings, self._clock, self.members, self._apis)
        self._prepares: dict[str, Callable[[], Any]] = {}
        self._preparing: list[asyncio.Task[None]] = []
        self._reload: Callable[[], None] = lambda: None
        self._edge_state: Callable[[], dict[str, str]] = dict
        self._add_services()
        if GATEWAY in self.members:
            limits, local = backends.open_limits(settings), backends.open_local_limits()
            parts = wiring_gateway.gateway(
                settings, self._clock, self._clients.client(GATEWAY), limits, local
            )
            self.life.add("limits", limits)
            self.life.add(
                "status",
                parts.status,
                after=[part for part in self.life.states if part.startswith("rest at")],
            )
            self.life.add(GATEWAY, parts.gateway, after=["status", "limits"])
            self.life.add("gateway routes", parts.own_routes, after=["limits"])
            self.life.add("gateway admin", parts.admin, after=[GATEWAY])
            self._reload = parts.gateway.reload
        if EDGE in self.members:
            front = wiring_edge.edge(settings, self._clock, self._clients.client(EDGE), worker)
            self.life.add(EDGE, front, after=["service APIs"])
            self._edge_state = lambda: {} if front.in_touch else {EDGE: "no answer from the access service"}
        address = settings.network.admin.get(process_name(targets, worker), "")
        if address and GATEWAY not in self.members:
            self.life.add("admin", AdminServer(address, self._health, Hosts(settings.network.hosts)))

    async def start(self) -> None:
        """Bring everything up; afterwards the services prepare what they need (`prepared`). Raises StartFailed."""
        await self.life.start()
        self._preparing = [
            spawn(_until_done(name, work), f"{name}.prepared") for name, work in self._prepares.items()
        ]

    async def prepared(self) -> None:
        """Wait until every service has prepared what it needs, such as the first catalogue."""
        await asyncio.gather(*self._preparing)

    async def stop(self) -> None:
        """Bring everything down in reverse."""
        for task in self._preparing:
            await cancel(task)
        await self.life.stop()
        await self._clients.close()

    def reload(self) -> None:
        """Read anew what may change while the process runs: the gateway's routes and certificate."""
        self._reload()

    def states(self) -> dict[str, str]:
        """Return the state of every part, and of what the services prepare."""
        preparing = {task.get_name(): "ready" if task.done() else "starting" for task in self._preparing}
        return {**self.life.states, **preparing, **self._edge_state()}

    def _health(self) -> dict[str, str]:
        return {part: OK if state == "ready" else state for part, state in self.states().items()}

    def description(self) -> dict[str, Any]:
        """Say what somebody outside would want to know of this process."""
        return {"members": self.members, "version": __version__}

    def _add_services(self) -> None:
        services = [name for name in self.members if name in SERVICES]
        if not services:
            return
        # An edge alone needs no database, no REST and no bus, and should not carry them.
        from tollway.topology.service_host import ServiceHost

        settings = self._settings
        secrets = load_or_make(settings.data / "secrets" / "master.key", settings.security.master_key)
        host = ServiceHost(settings, self._clock, secrets, self._clients, services)
        host.add_to(self.life, self._apis, self.states)
        self._prepares = dict(host.prepares)
        if "identity" in services:
            self._prepares["operator"] = make_first_operator(settings.data, self._apis)


def process_name(targets: Sequence[str], worker: int) -> str:
    """Name a process after what it runs: `business`, `edge-0`."""
    named = [target for target in targets if target not in SERVICES or not SERVICES[target].development]
    name = "+".join(named or targets)
    return f"{name}-{worker}" if EDGE in targets else name


def _refuse_in_production(settings: Settings, named: Sequence[str]) -> None:
    for name in named:
        if settings.environment == "production" and name in SERVICES and SERVICES[name].development:
            raise InvalidSettings(f"target {name} is for development only; take it out in production")


async def _until_done(name: str, work: Callable[[], Any]) -> None:
    for attempt in count(1):
        try:
            await work()
        except Problem as problem:
            # A neighbour that is not up yet is nothing to speak of; what will not pass by itself is.
            level = logging.INFO if isinstance(problem, Unavailable) else logging.WARNING
            _log.log(level, "%s is not prepared and is tried again: %s", name, problem.detail)
            await asyncio.sleep(PREPARE_BACKOFF.delay_s(attempt))
        else:
            return
