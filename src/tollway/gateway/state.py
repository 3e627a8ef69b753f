"""What all connections of one gateway share: its routes made ready, its memory, its log, its figures."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from tollway.fabric.admin import OK, Page, health_pages
from tollway.fabric.clock import Clock
from tollway.fabric.limits import Limits
from tollway.fabric.limits.memory import MemoryLimits
from tollway.gateway.access_log import access_log, entry_of
from tollway.gateway.answers import Answers
from tollway.gateway.auth import Authority
from tollway.gateway.cors import Origins
from tollway.gateway.limits import RateLimit
from tollway.gateway.metrics import Figures
from tollway.gateway.peer import Occupancy
from tollway.gateway.plan import Plans
from tollway.gateway.problems import Refusal
from tollway.gateway.request import Request
from tollway.gateway.routes import Route
from tollway.gateway.settings import GatewaySettings
from tollway.gateway.websocket import Tunnel
from tollway.kit.times import SECOND_US
from tollway.wire.http1 import Limits as HeadLimits


class State:
    """Made by the server, read by every connection. `ready` and `draining` say where in its life it is."""

    def __init__(
        self,
        settings: GatewaySettings,
        routes: Sequence[Route],
        limits: Limits,
        authority: Authority,
        clock: Clock,
        figures: Figures,
        health: Callable[[], Mapping[str, str]],
    ) -> None:
        self.ready = False
        self.draining = False
        self.settings = settings
        self.authority = authority
        self.figures = figures
        self.limits = {name: RateLimit(name, one, limits) for name, one in settings.limits.items()}
        # Never shared with other gateways: what it protects is this process's time.
        self.auth_misses = RateLimit("credentials", settings.auth_misses, MemoryLimits())
        self.plans = Plans(routes, self.limits, settings, figures)
        self.origins = Origins(settings.cors_origins, settings.own_origins)
        self.answers = Answers(self.origins)
        self.access_log = access_log(settings.access_log)
        self.head_limits = HeadLimits(settings.line_bytes, settings.head_bytes, settings.headers)
        self.pages: dict[bytes, Page] = health_pages(
            lambda: {"gateway": OK if self.ready else "not ready", **health()}
        )
        self.occupancy = Occupancy(settings.max_connections, settings.max_connections_per_client)
        self.tunnels: set[Tunnel] = set()
        self._clock = clock
        self._request_prefix = secrets.token_hex(4).encode()
        self._request_numbers = count()

    def next_request_id(self) -> bytes:
        """Return an id that no other request of this gateway had."""
        return b"req_%b%08x" % (self._request_prefix, next(self._request_numbers))

    def write_down(self, request: Request, now: float) -> None:
        """Count a request that has ended, and log it."""
        took_s = now - request.started
        request.plan.figures.count(request.status, took_s, request.bytes_in, request.bytes_out)
        if self.access_log.enabled:
            self.access_log.add(self._clock.now_us(), entry_of(request, took_s))

    def turned_away(self, refusal: Refusal, *, tls: bool) -> bytes:
        """Count bytes that never became a request, and render the answer to them."""
        self.figures.reasons[refusal.code] += 1
        self.plans.nowhere.figures.count(refusal.status, 0.0, 0, 0)
        return self.answers.no_request(refusal, self.next_request_id(), tls=tls)

    def tick(self, now: float) -> None:
        """Renew what goes with the time, forget what has run out, write what was kept."""
        self.answers.renew_date(self._clock.now_us() // SECOND_US)
        for upstream in self.plans.upstreams.values():
            upstream.tick(now)
        self.authority.tick(now)
        self.access_log.flush()

    def forget_full_limits(self, now: float) -> None:
        """Drop the buckets of clients that were not seen for a while."""
        for limit in (self.auth_misses, *self.limits.values()):
            limit.forget_full(now)
