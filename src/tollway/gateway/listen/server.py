"""The gateway as a component: it listens, keeps time, and drains.

One timer serves every deadline. A few times a second it looks at each connection; that costs a ten-thousandth
of what a timer per request would, and a deadline that is a quarter of a second late is still a deadline.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry

from tollway.fabric.access_tokens import RevocationEntry, Verifier
from tollway.fabric.clock import Clock
from tollway.fabric.limits import Limits
from tollway.fabric.server_certificate import ServerCertificate
from tollway.gateway.capacity import fitted
from tollway.gateway.context import GatewayContext
from tollway.gateway.listen.connection import ClientConnection
from tollway.gateway.listen.proxied_listener import ProxiedListener, listening_socket
from tollway.gateway.listen.tls import TlsConnection
from tollway.gateway.message.problems import NOT_TLS
from tollway.gateway.observe.metrics import Metrics
from tollway.gateway.policy.credentials import Authenticator
from tollway.gateway.route.console import Console
from tollway.gateway.route.files import RouteFiles
from tollway.gateway.route.reload import RouteReloader
from tollway.gateway.route.route import Route
from tollway.gateway.settings import GatewaySettings
from tollway.kit.descriptors import raise_limit

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

_TICK_S = 0.25
_IDLE_TICK_S = 1.0  # while nobody is connected
_SWEEP_TICKS = 40  # limits are swept every ten seconds
_DRAIN_STEP_S = 0.02
_BACKLOG = 1_024


class Gateway:
    """The REST edge. `start` listens, `stop` drains; the bound ports are readable in between.

    `routes` are the platform's own, `route_files` the operator's. `verifier` checks access tokens, `tokens` exchanges
    cookies and announces ended sessions. `limits` makes the buckets of the limit classes, `local_limits` those that
    protect this process alone; whoever gives them starts and stops them. `health` returns the state of each component
    of the platform (`ok` is the good one), as they were at the last `refresh_health`. `console` is the web console.
    `monotonic` is the clock of every deadline.
    """

    def __init__(  # noqa: PLR0913  made in one place
        self,
        settings: GatewaySettings,
        routes: Iterable[Route],
        verifier: Verifier,
        tokens: "TokensAsyncStub",
        clock: Clock,
        *,
        limits: Limits,
        local_limits: Limits,
        route_files: RouteFiles | None = None,
        health: Callable[[], Mapping[str, str]] = dict,
        refresh_health: Callable[[], Awaitable[None]] | None = None,
        console: Console | None = None,
        registry: CollectorRegistry = REGISTRY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        platform = list(routes)
        addresses = {address for route in platform for address in route.endpoints}
        settings = fitted(settings, addresses, raise_limit())
        metrics = Metrics()
        self.authenticator = Authenticator(
            settings, verifier, tokens, clock, monotonic, metrics, local_limits
        )
        self.context = GatewayContext(
            settings, limits, local_limits, self.authenticator, clock, monotonic, metrics, health
        )
        if refresh_health is not None:
            self.context.refresh_health = refresh_health
        if console is not None:
            self.context.console = console
        self.routes = RouteReloader(platform, route_files, self.context.use, settings.routes_poll_s)
        self.connections: set[ClientConnection] = set()
        self.registry = registry
        self.certificate = (
            ServerCertificate("gateway.tls_cert", settings.tls_cert, settings.tls_key)
            if settings.tls_cert
            else None
        )
        self.port = self.tls_port = 0
        self._settings = settings
        self._monotonic = monotonic
        self._listeners: list[asyncio.Server | ProxiedListener] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0

    # ── the life of the component ───────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Listen. Raises OSError with advice when a port or a file cannot be used."""
        settings, context = self._settings, self.context
        self.routes.start()
        context.access_log.open()
        self._register_metrics()
        self.authenticator.on_session_ended = self._session_ended
        self.authenticator.start()
        self._on_timer()
        try:
            self.port = await self._listen(settings.port, "port")
            if self.certificate is not None:
                self.tls_port = await self._listen(settings.tls_port, "tls_port", self.certificate.load())
        except OSError:
            await self.stop()
            raise
        context.ready = True

    def drain(self) -> None:
        """Be not ready, accept no more connections, and close each after the response under way."""
        context = self.context
        context.ready, context.draining = False, True
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.drain()

    async def stop(self) -> None:
        """Drain for at most `drain_timeout_s`, then close."""
        context = self.context
        self.drain()
        deadline = time.monotonic() + self._settings.drain_timeout_s
        while self.requests_under_way and time.monotonic() < deadline:  # noqa: ASYNC110  simpler than events
            await asyncio.sleep(_DRAIN_STEP_S)
        for tunnel in list(context.tunnels):
            tunnel.end("stopping")
        while self._unsent_bytes and time.monotonic() < deadline:  # noqa: ASYNC110  as above
            await asyncio.sleep(_DRAIN_STEP_S)
        for connection in list(self.connections):
            connection.abort()
        context.endpoints.close()
        if self._timer is not None:
            self._timer.cancel()
            self.registry.unregister(context.metrics)
            self._timer = None
        await self.authenticator.stop()
        await asyncio.sleep(0)  # lets the closed connections say so
        context.access_log.close()
        self._listeners.clear()

    def reload(self) -> None:
        """Read anew what may change while the gateway runs: the routes and the certificate."""
        self.routes.reload()
        if self.certificate is not None:
            self.certificate.reload()

    @property
    def requests_under_way(self) -> int:
        """How many requests have no complete response yet; WebSockets are not counted."""
        return sum(one.exchange is not None for one in self.connections)

    @property
    def _unsent_bytes(self) -> int:
        return sum(one.transport.get_write_buffer_size() for one in self.connections)

    async def _listen(self, port: int, setting: str, tls: ssl.SSLContext | None = None) -> int:
        loop, settings = asyncio.get_running_loop(), self._settings
        host = settings.host

        def connection(source: str = "") -> asyncio.Protocol:
            client = ClientConnection(self.context, self.connections, source, tls=tls is not None)
            return TlsConnection(tls, client, self._not_tls) if tls is not None else client

        try:
            if settings.proxy_protocol:
                sock = listening_socket(host, port, _BACKLOG)
                trusted, header_timeout_s = self.context.clients.is_trusted, settings.head_timeout_s
                listener = ProxiedListener(sock, connection, trusted, header_timeout_s)
            else:
                listener = await loop.create_server(connection, host, port, backlog=_BACKLOG)
        except OSError as error:
            advice = f"free it, or set gateway.{setting} to another one (0 takes a free one)"
            raise OSError(
                error.errno, f"cannot listen on {host}:{port}: {error.strerror}; {advice}"
            ) from error
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    def _not_tls(self, data: bytes) -> bytes:
        """Return the response to a client that speaks plain HTTP where TLS is spoken."""
        return self.context.reject_bytes(NOT_TLS, data, tls=False)

    def _session_ended(self, entry: RevocationEntry) -> None:
        """Cut the tunnels of a session that ended."""
        for tunnel in list(self.context.tunnels):
            if tunnel.belongs_to(entry.user_id, entry.session_id):
                tunnel.end("session_ended")

    # ── time ────────────────────────────────────────────────────────────────────────────────────────

    def _on_timer(self) -> None:
        # First the next one: whatever goes wrong below, deadlines go on.
        tick_s = _TICK_S if self.connections else _IDLE_TICK_S
        self._timer = asyncio.get_running_loop().call_later(tick_s, self._on_timer)
        self.tick()

    def tick(self) -> None:
        """Look at every deadline."""
        now = self._monotonic()
        self.context.tick(now)
        self.routes.tick(now)
        if self.certificate is not None:
            self.certificate.tick(now)
        for connection in list(self.connections):
            connection.tick(now)
        self._ticks += 1
        if self._ticks % _SWEEP_TICKS == 0:
            self.context.evict_full_limits(now)

    def _register_metrics(self) -> None:
        context, metrics = self.context, self.context.metrics
        metrics.gauges["connections"] = ("Client connections open", lambda: len(self.connections))
        metrics.gauges["websockets"] = ("WebSockets open", lambda: len(context.tunnels))
        metrics.gauges["revocations_age_seconds"] = (
            "Since the stream of ended sessions last said anything",
            lambda: self.authenticator.revocations.silent_s,
        )
        metrics.gauges["routes_refused"] = (
            "1 while the operator's route files are refused",
            lambda: float(bool(self.routes.error)),
        )
        metrics.endpoints = context.endpoints.states
        self.registry.register(metrics)
