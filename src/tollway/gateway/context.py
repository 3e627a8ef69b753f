"""What all connections of one gateway share: the routing table, limits, authenticator, log, metrics."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING

from tollway.fabric.admin import OK, Page, health_pages
from tollway.fabric.clock import Clock
from tollway.fabric.hosts import Hosts
from tollway.fabric.limits import Limits
from tollway.gateway.message.client import Clients
from tollway.gateway.message.problems import GatewayRefusal
from tollway.gateway.message.request import Request
from tollway.gateway.message.responses import Responses
from tollway.gateway.observe.callers import CallerCounts
from tollway.gateway.observe.log import access_log, entry_of
from tollway.gateway.observe.metrics import Metrics
from tollway.gateway.policy.cors import Origins
from tollway.gateway.policy.credentials import Authenticator
from tollway.gateway.policy.limits import RateLimit
from tollway.gateway.proxy.body import KeptBytes
from tollway.gateway.route.console import Console
from tollway.gateway.route.route import Route
from tollway.gateway.route.table import RoutingTable, compile_table
from tollway.gateway.settings import GatewaySettings
from tollway.gateway.upstream.endpoint import Endpoints
from tollway.kit.times import SECOND_US
from tollway.wire.http1 import HeadLimits

if TYPE_CHECKING:
    from tollway.gateway.proxy.websocket import WebSocketTunnel


async def _nothing_to_ask() -> None:
    """The states of all components are known here."""


class GatewayContext:
    """Made by the server, read by every connection. `ready` and `draining` say where in its life it is.

    `local_limits` count for this process alone: what they protect is its own time. `refresh_health` has the states that
    `health` returns asked for anew.
    """

    table: RoutingTable

    def __init__(
        self,
        settings: GatewaySettings,
        limits: Limits,
        local_limits: Limits,
        authenticator: Authenticator,
        clock: Clock,
        monotonic: Callable[[], float],
        metrics: Metrics,
        health: Callable[[], Mapping[str, str]],
    ) -> None:
        self.ready = False
        self.console = Console({})
        self.draining = False
        self.refresh_health: Callable[[], Awaitable[None]] = _nothing_to_ask
        self.settings = settings
        self.monotonic = monotonic
        self.authenticator = authenticator
        self.metrics = metrics
        self.limits = {name: RateLimit(name, one, limits) for name, one in settings.limits.items()}
        self.unknown_credentials = RateLimit("credentials", settings.unknown_credentials, local_limits)
        self.endpoints = Endpoints(
            settings.max_upstream_connections, settings.upstream_idle_timeout_s, metrics
        )
        self.hosts = Hosts(settings.hosts)
        self.origins = Origins(settings.cors_origins, settings.own_origins)
        self.responses = Responses(self.origins)
        self.callers = CallerCounts()
        self.access_log = access_log(settings.access_log)
        self.head_limits = HeadLimits(
            settings.line_limit_bytes,
            settings.head_limit_bytes,
            settings.max_headers,
            underscores=True,  # such headers are dropped on the way
        )
        self.pages: dict[bytes, Page] = health_pages(
            lambda: {"gateway": OK if self.ready else "not ready", **health()},
            # On a full disk nothing that a customer does here can be kept.
            lambda: self.ready and health().get("disk", OK) == OK,
        )
        self.clients = Clients(
            settings.max_connections, settings.max_connections_per_client, settings.trusted_proxies
        )
        self.kept = KeptBytes()
        self.turned_away = 0  # connections without a place that are still open
        self.tunnels: set[WebSocketTunnel] = set()
        self._clock = clock
        self._request_prefix = secrets.token_hex(4).encode()
        self._request_numbers = count()

    def use(self, routes: Iterable[Route]) -> None:
        """Make a table of these routes the one in force. Raises InvalidRoutes; then the old one stays.

        Requests under way go on with their route; connections to endpoints that are still named are kept.
        """
        wanted = list(routes)
        self.table = compile_table(wanted, self.limits, self.endpoints.get, self.metrics)
        self.hosts = Hosts(self.settings.hosts, (host for route in wanted for host in route.hosts))
        self.endpoints.retain(
            endpoint for cluster in self.table.clusters.values() for endpoint in cluster.endpoints
        )

    def next_request_id(self) -> bytes:
        """Return an id that no other request of this gateway had."""
        return b"req_%b%08x" % (self._request_prefix, next(self._request_numbers))

    def record(self, request: Request, now: float) -> None:
        """Count a request that has ended, and log it."""
        took_s = now - request.started
        request.route.metrics.count(request.status, took_s, request.bytes_in, request.bytes_out)
        identity = request.identity
        caller = request.client.ip if identity is None else identity.user_id
        self.callers.add(caller, request.status, request.bytes_in + request.bytes_out, now)
        if self.access_log.enabled:
            self.access_log.add(self._clock.now_us(), entry_of(request, took_s))

    def reject_bytes(self, refusal: GatewayRefusal, data: bytes, *, tls: bool) -> bytes:
        """Count bytes that are no request, and render the response to them."""
        self.metrics.refusals[refusal.code] += 1
        self.table.unmatched.metrics.count(refusal.status, 0.0, 0, 0)
        return self.responses.without_request(refusal, data, self.next_request_id(), tls=tls)

    def tick(self, now: float) -> None:
        """Renew what goes with the time, drop what has expired, write the log."""
        self.responses.renew_date(self._clock.now_us() // SECOND_US)
        self.endpoints.tick(now)
        self.authenticator.tick(now)
        self.access_log.flush()

    def evict_full_limits(self, now: float) -> None:
        """Drop the buckets of clients that were not seen for a while."""
        for limit in (self.unknown_credentials, *self.limits.values()):
            limit.forget_full(now)
