"""The node: one edge process's listeners, gate and book, and its line to the access service.

Start: the meter file is opened and what the process before left in it is settled, in the background; the ports
are taken; the node is registered with the access service. When it has answered the node listens, so that clients of a
port that several workers share reach one that is ready. Then its stream of changes is followed, and a change ends the
flows it is about.

The relay itself allocates no buffers per connection. A process that runs it on uvloop beside gRPC should set
MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_ (64 MiB) before Python starts, because
glibc otherwise maps and unmaps memory for each large read.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from tollway.contracts.access_pb2 import Change, Endpoint
from tollway.contracts.errors import UnknownNode
from tollway.edge.access_client import QUIET_S, AccessClient
from tollway.edge.backoff import RepeatedWarning, RetryDelay
from tollway.edge.charging import ChargingRegistry
from tollway.edge.connection_test import ConnectionTester
from tollway.edge.credential_cache import CredentialCache, affects
from tollway.edge.exits.services import ServiceNames
from tollway.edge.gate import Gate
from tollway.edge.grant_refresh import GrantRefresh
from tollway.edge.guard import Guard
from tollway.edge.listener import Listener, ListenError
from tollway.edge.meter_file import MeterFile
from tollway.edge.metrics import EdgeMetrics
from tollway.edge.policy import Policy, default_rules
from tollway.edge.protocol_spec import ProtocolSpec, advertised_address, listen_addresses, served
from tollway.edge.protocols import PROTOCOLS
from tollway.edge.proxied import behind_balancers
from tollway.edge.reactor import Reactor
from tollway.edge.settings import EdgeSettings
from tollway.edge.terminate_cause import TerminateCause
from tollway.fabric.clock import Clock
from tollway.fabric.server_certificate import ServerCertificate
from tollway.kit.errors import Problem
from tollway.kit.tasks import cancel, spawn

if TYPE_CHECKING:
    from tollway.contracts.access_pb2_grpc import AccessAsyncStub

_log = logging.getLogger(__name__)
_CUTS = {
    "user_suspended": TerminateCause.ADMIN_RESET,
    "resource_stopped": TerminateCause.ADMIN_RESET,
    "credential_revoked": TerminateCause.ADMIN_RESET,
    "resource_left": TerminateCause.USER_REQUEST,
}
_ENDS_ONE = {"flow_ended": TerminateCause.ADMIN_RESET, "flow_left": TerminateCause.USER_REQUEST}
_SETTLE_AT_STOP_S = 5.0
TESTED = "http"
"""The protocol that connection tests speak."""


class Edge:
    """One edge worker. `node` names it to the access service and must be its own; `data` holds its meter file.

    Its figures are in `registry` while it runs. Two edges in one process share nothing but that.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        access: "AccessAsyncStub",
        clock: Clock,
        node: str,
        data: Path,
        monotonic: Callable[[], float] = time.monotonic,
        protocols: Sequence[ProtocolSpec] = PROTOCOLS,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._settings, self._clock, self._node = settings, clock, node
        self._metrics, self._registry = EdgeMetrics(node), registry
        self._access = AccessClient(access, node, self._metrics)
        self._access.on_change = self._apply
        self._meter = MeterFile(data / f"{node}.meter")
        self._reactor = Reactor(monotonic)
        self._credential_cache = CredentialCache(
            access=self._access,
            clock=clock,
            failed_ttl_s=settings.failed_login_cache_s,
            metrics=self._metrics,
            monotonic=self._reactor.monotonic,
        )
        self._charging = ChargingRegistry(
            access=self._access,
            meter=self._meter,
            metrics=self._metrics,
            reactor=self._reactor,
            settings=settings,
            clock=clock,
        )
        self._guard = Guard(settings.allow_ranges, settings.denied_services)
        policy = Policy(default_rules(settings, self._guard), self._metrics)
        self._grant_refresh = GrantRefresh(
            access=self._access, charging=self._charging, policy=policy, clock=clock
        )
        self._certificate = _certificate(settings)
        self._gate = Gate(
            credential_cache=self._credential_cache,
            charging=self._charging,
            policy=policy,
            guard=self._guard,
            reactor=self._reactor,
            metrics=self._metrics,
            settings=settings,
            clock=clock,
            certificate=self._certificate,
        )
        self._service_names = ServiceNames(self._guard, settings.lookup_timeout_s)
        self._protocols = protocols
        self._listeners = {
            spec.name: Listener(self._reactor, behind_balancers(spec.offer)(self._gate), spec.overloaded)
            for spec in served(settings, protocols)
        }
        self._tester = _tester(self._access, self._listeners, self._gate)
        self._tasks: list[asyncio.Task[None]] = []
        self.ready = False
        self.in_touch = False
        """Whether the access service answers: without it nobody new can be served."""

    @property
    def ports(self) -> dict[str, int]:
        """Where clients connect, by protocol."""
        return {name: listener.port for name, listener in self._listeners.items()}

    async def start(self) -> None:
        """Open the meter file and the ports. Raises MeterFileError or ListenError with a clear sentence."""
        if self._certificate is not None:
            try:
                self._certificate.load()
            except OSError as error:
                raise ListenError(str(error)) from error
        self._charging.flow_log.open()
        alive_us = self._meter.open(self._clock.now_us())
        self._reactor.start()
        try:
            self._bind()
            if self._tester is not None:
                self._tester.start(self._gate)
        except BaseException:
            self._reactor.stop()
            self._meter.close()
            raise
        if self._registry is not None:
            self._registry.register(self._metrics)
        if found := self._charging.recover(alive_us):
            _log.warning("%d flows were cut off when this node ended; settling them", found)
        self._tasks = [
            spawn(self._follow(), f"changes for {self._node}"),
            spawn(self._grant_refresh.run(), f"changed grants for {self._node}"),
            spawn(self._keep_book(), f"meter file of {self._node}"),
            spawn(
                self._service_names.keep_resolving(), f"names of the platform's services, for {self._node}"
            ),
        ]

    async def stop(self) -> None:
        """Accept nobody, let flows finish for `drain_s`, end the rest, settle, close. Harmless when stopped."""
        if not self._tasks:
            return
        for listener in self._listeners.values():
            listener.stop()
        if self._tester is not None:
            await self._tester.stop()
        await self._drain()
        for flow in self._charging.live_flows():
            if flow.owner is not None:
                flow.owner.terminate(TerminateCause.NAS_REBOOT)
        await self._charging.stop(_SETTLE_AT_STOP_S)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            await cancel(task)
        self._gate.stop()
        self._reactor.stop()
        self._meter.close()
        self._charging.flow_log.close()
        self.ready = False
        if self._registry is not None:
            self._registry.unregister(self._metrics)

    def _bind(self) -> None:
        settings = self._settings
        addresses = listen_addresses(settings, self._protocols)
        for spec in served(settings, self._protocols):
            listener, (host, port) = self._listeners[spec.name], addresses[spec.name]
            listener.bind(
                host,
                port,
                share_port=settings.share_ports,
                server_speaks_first=spec.server_speaks_first,
            )
            self._guard.deny_service(host, listener.port)
            shown, port = advertised_address(settings, spec.name, host, listener.port)
            if spec.name == TESTED and self._tester is not None:
                self._tester.host = shown
            self._access.endpoints.append(
                Endpoint(protocol=spec.name, host=shown, port=port, capacity=settings.capacity)
            )

    async def _drain(self) -> None:
        until = asyncio.get_running_loop().time() + self._settings.drain_s
        while asyncio.get_running_loop().time() < until and any(  # noqa: ASYNC110  flows end by themselves
            True for _ in self._charging.live_flows()
        ):
            await asyncio.sleep(0.1)

    # ── the line to the access service ─────────────────────────────────────────────────────────────────

    async def _follow(self) -> None:
        """Announce the node, let clients come, then follow the changes from there on, for ever."""
        await self._service_names.resolve()
        sequence = await self._access.announce()
        self._credential_cache.open = True
        for listener in self._listeners.values():
            listener.listen()
        self.ready = True
        backoff, warning = RetryDelay(most_s=1.0), RepeatedWarning(QUIET_S)
        while True:
            try:
                async for change in self._access.changes(sequence):
                    self.in_touch = True
                    backoff, warning = RetryDelay(most_s=1.0), RepeatedWarning(QUIET_S)
                    if change.sequence:
                        sequence = change.sequence
                        self._apply(change)
            except UnknownNode:
                # The service's memory is older than ours: its numbers may be, too.
                sequence = min(sequence, await self._access.announce())
            except Problem as problem:
                self.in_touch = False
                _log.log(warning.level(), "the stream of changes broke, is taken up again: %s", problem)
            await backoff.sleep()

    def _apply(self, change: Change) -> None:
        """Forget what was remembered about it, and end its flows if that is what the change says."""
        if change.kind == "lease_recalled":
            self._charging.recall(change.resource_id)
            return
        if change.kind in _ENDS_ONE:
            self._end_flow(change.session_id, _ENDS_ONE[change.kind])
            return
        if change.kind == "test_requested":
            if self._tester is not None:
                self._tester.request(change.test_id)
            return
        self._credential_cache.invalidate(change)
        cause = _CUTS.get(change.kind)
        if change.kind == "policy_changed":
            self._grant_refresh.changed(change)
        if cause is None:
            return
        for flow in self._charging.live_flows():
            if affects(change, flow.grant) and flow.owner is not None:
                flow.owner.terminate(cause)

    def _end_flow(self, session_id: str, cause: TerminateCause) -> None:
        for flow in self._charging.live_flows():
            if flow.session_id == session_id and flow.owner is not None:
                flow.owner.terminate(cause)

    def _end_flows_out_of_hours(self) -> None:
        now_us = self._clock.now_us()
        for flow in self._charging.live_flows():
            hours = flow.customer.hours if flow.customer is not None else None
            if hours is not None and flow.owner is not None and not hours.contains(now_us):
                flow.owner.terminate(TerminateCause.SESSION_TIMEOUT)

    async def _keep_book(self) -> None:
        """Sync the meter file every second: the bound for what a power cut can lose. What else is due as often, too."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._settings.meter_sync_s)
            self._charging.flow_log.flush()
            self._end_flows_out_of_hours()
            if self._certificate is not None:
                self._certificate.tick(self._reactor.monotonic())
            self._meter.note_alive(self._clock.now_us())
            if not self._meter.needs_sync:
                continue
            try:
                await loop.run_in_executor(None, self._meter.sync)
            except OSError as error:
                _log.error("the meter file cannot be synced: %s", error)


def _tester(access: AccessClient, listeners: Mapping[str, Listener], gate: Gate) -> ConnectionTester | None:
    """Make what carries out connection tests; a node without the protocol that they speak is asked for none."""
    listener, settings = listeners.get(TESTED), gate.settings
    if listener is None:
        return None
    return ConnectionTester(
        gate.reactor,
        access,
        listener,
        settings.test_url,
        lambda address: settings.proxy_protocol and gate.sources.is_balancer(address),
    )


def _certificate(settings: EdgeSettings) -> ServerCertificate | None:
    if not settings.tls_cert:
        return None
    return ServerCertificate("edge.tls_cert", settings.tls_cert, settings.tls_key)
