"""The gateway as a component: it listens, holds what all connections share, keeps time, and drains.

One timer serves every deadline. A few times a second it looks at each connection; that costs a ten-thousandth
of what a timer per request would, and a deadline that is a quarter of a second late is still a deadline.
"""

import asyncio
import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from itertools import count
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry

from tollway.fabric.bearer import RevocationLike, Verifier
from tollway.fabric.clock import Clock
from tollway.fabric.limits import Limits
from tollway.fabric.limits.memory import MemoryLimits
from tollway.gateway.access_log import AccessLog
from tollway.gateway.admin import AdminConnection, Page, health_pages, metrics_page
from tollway.gateway.auth import Authority
from tollway.gateway.connection import ClientConnection
from tollway.gateway.cors import Origins
from tollway.gateway.limits import RateLimit
from tollway.gateway.metrics import Figures
from tollway.gateway.plan import Plan
from tollway.gateway.problems import MEDIA_TYPE, Refusal, document
from tollway.gateway.routes import API_CONTENT_POLICY, Route, RouteTable
from tollway.gateway.settings import GatewaySettings
from tollway.gateway.upstream import Upstream
from tollway.gateway.websocket import Tunnel
from tollway.kit.times import SECOND_US
from tollway.wire.http1 import Limits as HeadLimits
from tollway.wire.http1 import write_response_head

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
        limits = limits or MemoryLimits()
        self.settings = settings
        self.clock = clock
        self.monotonic = time.monotonic
        self.ready = False
        self.draining = False
        self.port = self.tls_port = self.admin_port = 0
        self.connections: set[ClientConnection] = set()
        self.tunnels: set[Tunnel] = set()
        self.figures = Figures()
        self.authority = Authority(settings, verifier, tokens, clock, self.figures)
        self.access_log = AccessLog(settings.access_log)
        self.origins = Origins(settings.cors_origins, settings.own_origins)
        # Never shared: what it protects is this process's time.
        self.misses = RateLimit("credentials", settings.auth_misses, MemoryLimits())
        self.head_limits = HeadLimits(settings.line_bytes, settings.head_bytes, settings.headers)
        self.content_policy = _policy_line(API_CONTENT_POLICY)
        self.security_lines = _security_lines(tls=bool(settings.tls_cert))
        self.date_line = b""
        self.pages: dict[bytes, Page] = health_pages(lambda: self.ready, health)
        self._admin_pages = admin_pages or {}
        self._registry = registry
        self._limits = {name: RateLimit(name, one, limits) for name, one in settings.limits.items()}
        self._upstreams: dict[str, Upstream] = {}
        self._listeners: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._request_prefix = secrets.token_hex(4).encode()
        self._request_numbers = count()
        self._take_routes(list(routes))

    def _take_routes(self, routes: list[Route]) -> None:
        self.routes = RouteTable(routes)
        self.plans = {route.name: self._plan(route) for route in routes}
        assert len(self.plans) == len(routes), "two routes have the same name"
        nowhere = Route(name="-", prefix="/", upstream="", limit="")
        self.no_plan = Plan(
            nowhere,
            Upstream("", self.settings, self.figures),
            None,
            self.figures.routes["-"],
            self.content_policy,
        )

    def _plan(self, route: Route) -> Plan:
        assert not route.limit or route.limit in self._limits, (
            f"route {route.name}: no limit class {route.limit!r}"
        )
        upstream = self._upstreams.setdefault(
            route.upstream, Upstream(route.upstream, self.settings, self.figures)
        )
        limit = self._limits[route.limit] if route.limit else None
        return Plan(
            route, upstream, limit, self.figures.routes[route.name], _policy_line(route.content_policy)
        )

    # ── the life of the component ───────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Listen. Raises OSError with advice when a port or a file cannot be used."""
        settings = self.settings
        self.access_log.open()
        self._write_down_figures()
        self.authority.on_ended = self._session_ended
        self.authority.start()
        self._tick()
        try:
            self.port = await self._listen(
                lambda: ClientConnection(self, tls=False), settings.host, settings.port, "port"
            )
            if settings.tls_cert:
                context = _tls_context(settings)
                self.tls_port = await self._listen(
                    lambda: ClientConnection(self, tls=True),
                    settings.host,
                    settings.tls_port,
                    "tls_port",
                    context,
                )
            pages = {**self.pages, **self._admin_pages, b"/metrics": metrics_page(self._registry)}
            self.admin_port = await self._listen(
                lambda: AdminConnection(pages), settings.admin_host, settings.admin_port, "admin_port"
            )
        except OSError:
            await self.stop()
            raise
        self.ready = True

    async def stop(self) -> None:
        """Take no more, finish what is in hand for at most `drain_s`, close."""
        self.ready, self.draining = False, True
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.drain()
        deadline = self.monotonic() + self.settings.drain_s
        while self._in_hand() and self.monotonic() < deadline:  # noqa: ASYNC110  simpler than an event per answer
            await asyncio.sleep(_DRAIN_STEP_S)
        for tunnel in list(self.tunnels):
            tunnel.end("stopping")
        for connection in list(self.connections):
            connection.abort()
        for upstream in self._upstreams.values():
            upstream.close()
        if self._timer is not None:
            self._timer.cancel()
            self._registry.unregister(self.figures)
            self._timer = None
        await self.authority.stop()
        await asyncio.sleep(0)  # lets the closed connections say so
        self.access_log.close()
        self._listeners.clear()

    def _in_hand(self) -> bool:
        return len(self.tunnels) < sum(1 for one in self.connections if one.exchange is not None)

    async def _listen(
        self,
        protocol: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        setting: str,
        tls: ssl.SSLContext | None = None,
    ) -> int:
        loop = asyncio.get_running_loop()
        handshake_s = self.settings.head_s if tls else None
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

    # ── what connections share ──────────────────────────────────────────────────────────────────────

    def next_request_id(self) -> bytes:
        """Return an id that no other request of this gateway had."""
        return b"req_%b%08x" % (self._request_prefix, next(self._request_numbers))

    def turn_away(self, refusal: Refusal) -> bytes:
        """Render the answer to bytes that never became a request."""
        self.figures.reasons[refusal.code] += 1
        self.no_plan.figures.count(refusal.status, 0.0, 0, 0)
        request_id = self.next_request_id()
        body = document(refusal, "", request_id.decode())
        head = write_response_head(
            refusal.status,
            (
                (b"Content-Type", MEDIA_TYPE),
                (b"Content-Length", b"%d" % len(body)),
                (b"Cache-Control", b"no-store"),
                (b"Connection", b"close"),
                (b"X-Request-Id", request_id),
                (b"X-Correlation-Id", request_id),
            ),
        )
        return head[:-2] + self.date_line + refusal.headers + self.security_lines + b"\r\n" + body

    def _session_ended(self, entry: RevocationLike) -> None:
        """Cut the tunnels of a session that ended."""
        for tunnel in list(self.tunnels):
            if (
                tunnel.user_id == entry.user_id
                if not entry.session_id
                else tunnel.session_id == entry.session_id
            ):
                tunnel.end("session_ended")

    # ── time ────────────────────────────────────────────────────────────────────────────────────────

    def _tick(self) -> None:
        # First the next one: whatever goes wrong below, deadlines go on.
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        now = self.monotonic()
        self.date_line = b"Date: %b\r\n" % formatdate(self.clock.now_us() // SECOND_US, usegmt=True).encode()
        for connection in list(self.connections):
            connection.tick(now)
        for upstream in self._upstreams.values():
            upstream.tick(now)
        self.authority.tick(now)
        self.access_log.flush()
        self._ticks += 1
        if self._ticks % _SWEEP_TICKS == 0:
            for limit in (self.misses, *self._limits.values()):
                limit.forget_full(now)

    def _write_down_figures(self) -> None:
        figures = self.figures
        figures.gauges["connections"] = ("Client connections open", lambda: len(self.connections))
        figures.gauges["websockets"] = ("WebSockets open", lambda: len(self.tunnels))
        figures.gauges["revocations_silent_seconds"] = (
            "Since the stream of ended sessions was last heard",
            lambda: self.authority.revocations.silent_s,
        )
        figures.upstream_gauges = lambda: [(name, one.figures()) for name, one in self._upstreams.items()]
        self._registry.register(figures)


def _policy_line(policy: str) -> bytes:
    return b"Content-Security-Policy: %b\r\n" % policy.encode() if policy else b""


def _security_lines(*, tls: bool) -> bytes:
    lines = b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n"
    return lines + (b"Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n" if tls else b"")


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
