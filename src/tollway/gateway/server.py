"""The gateway as a component: it listens, keeps time, and drains.

One timer serves every deadline. A few times a second it looks at each connection; that costs a ten-thousandth
of what a timer per request would, and a deadline that is a quarter of a second late is still a deadline.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry

from tollway.fabric.access_tokens import RevocationEntry, Verifier
from tollway.fabric.admin import AdminConnection, Page, metrics_page
from tollway.fabric.clock import Clock
from tollway.fabric.limits import Limits
from tollway.fabric.limits.memory import MemoryLimits
from tollway.gateway.auth import Authority
from tollway.gateway.connection import ClientConnection
from tollway.gateway.metrics import Figures
from tollway.gateway.routes import Route
from tollway.gateway.settings import GatewaySettings
from tollway.gateway.state import State

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

_TICK_S = 0.25
_SWEEP_TICKS = 40  # limits are swept every ten seconds
_DRAIN_STEP_S = 0.02


class Gateway:
    """The REST edge. `start` listens, `stop` drains; the bound ports are readable in between.

    `routes` is the table, `verifier` checks access tokens, `tokens` exchanges cookies and announces ended
    sessions, `health` tells the state of each component of the platform (`ok` is the good one). `limits` makes
    the buckets, of this process alone unless it is given; whoever gives it starts and stops it. `admin_pages`
    are more pages of the admin listener, by path.
    """

    def __init__(  # noqa: PLR0913  the last four have defaults
        self,
        settings: GatewaySettings,
        routes: Iterable[Route],
        verifier: Verifier,
        tokens: "TokensAsyncStub",
        clock: Clock,
        *,
        health: Callable[[], Mapping[str, str]] = dict,
        limits: Limits | None = None,
        admin_pages: Mapping[bytes, Page] | None = None,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        figures = Figures()
        self.authority = Authority(settings, verifier, tokens, clock, figures)
        self.state = State(
            settings, list(routes), limits or MemoryLimits(), self.authority, clock, figures, health
        )
        self.connections: set[ClientConnection] = set()
        self.port = self.tls_port = self.admin_port = 0
        self._settings = settings
        self._admin_pages = admin_pages or {}
        self._registry = registry
        self._listeners: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0

    # ── the life of the component ───────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Listen. Raises OSError with advice when a port or a file cannot be used."""
        settings, state = self._settings, self.state
        state.access_log.open()
        self._show_figures()
        self.authority.on_ended = self._session_ended
        self.authority.start()
        self._tick()
        try:
            self.port = await self._listen(
                lambda: ClientConnection(state, self.connections, tls=False),
                settings.host,
                settings.port,
                "port",
            )
            if settings.tls_cert:
                self.tls_port = await self._listen(
                    lambda: ClientConnection(state, self.connections, tls=True),
                    settings.host,
                    settings.tls_port,
                    "tls_port",
                    _tls_context(settings),
                )
            pages = {**state.pages, **self._admin_pages, b"/metrics": metrics_page(self._registry)}
            self.admin_port = await self._listen(
                lambda: AdminConnection(pages), settings.admin_host, settings.admin_port, "admin_port"
            )
        except OSError:
            await self.stop()
            raise
        state.ready = True

    async def stop(self) -> None:
        """Take no more, finish what is in hand for at most `drain_s`, close."""
        state = self.state
        state.ready, state.draining = False, True
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.drain()
        deadline = monotonic() + self._settings.drain_s
        while self._in_hand() and monotonic() < deadline:  # noqa: ASYNC110  simpler than an event per answer
            await asyncio.sleep(_DRAIN_STEP_S)
        for tunnel in list(state.tunnels):
            tunnel.end("stopping")
        for connection in list(self.connections):
            connection.abort()
        for upstream in state.plans.upstreams.values():
            upstream.close()
        if self._timer is not None:
            self._timer.cancel()
            self._registry.unregister(state.figures)
            self._timer = None
        await self.authority.stop()
        await asyncio.sleep(0)  # lets the closed connections say so
        state.access_log.close()
        self._listeners.clear()

    def _in_hand(self) -> bool:
        return len(self.state.tunnels) < sum(1 for one in self.connections if one.exchange is not None)

    async def _listen(
        self,
        protocol: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        setting: str,
        tls: ssl.SSLContext | None = None,
    ) -> int:
        loop = asyncio.get_running_loop()
        handshake_s = self._settings.head_s if tls else None
        try:
            listener = await loop.create_server(
                protocol, host, port, ssl=tls, backlog=1_024, ssl_handshake_timeout=handshake_s
            )
        except OSError as error:
            advice = f"free it, or set gateway.{setting} to another one (0 takes a free one)"
            raise OSError(
                error.errno, f"cannot listen on {host}:{port}: {error.strerror}; {advice}"
            ) from error
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    def _session_ended(self, entry: RevocationEntry) -> None:
        """Cut the tunnels of a session that ended."""
        for tunnel in list(self.state.tunnels):
            if tunnel.belongs_to(entry.user_id, entry.session_id):
                tunnel.end("session_ended")

    # ── time ────────────────────────────────────────────────────────────────────────────────────────

    def _tick(self) -> None:
        # First the next one: whatever goes wrong below, deadlines go on.
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        now = monotonic()
        self.state.tick(now)
        for connection in list(self.connections):
            connection.tick(now)
        self._ticks += 1
        if self._ticks % _SWEEP_TICKS == 0:
            self.state.forget_full_limits(now)

    def _show_figures(self) -> None:
        state, figures = self.state, self.state.figures
        figures.gauges["connections"] = ("Client connections open", lambda: len(self.connections))
        figures.gauges["websockets"] = ("WebSockets open", lambda: len(state.tunnels))
        figures.gauges["revocations_silent_seconds"] = (
            "Since the stream of ended sessions was last heard",
            lambda: self.authority.revocations.silent_s,
        )
        figures.upstream_gauges = lambda: [
            (name, one.figures()) for name, one in state.plans.upstreams.items()
        ]
        self._registry.register(figures)


def _tls_context(settings: GatewaySettings) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise OSError(
            f"cannot use gateway.tls_cert {settings.tls_cert}: {error}; it must be PEM with its key"
        ) from error
    return context
