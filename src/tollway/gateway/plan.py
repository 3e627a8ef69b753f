"""A route made ready: everything a request on it needs, found once at start."""

from typing import NamedTuple

from tollway.gateway.limits import RateLimit
from tollway.gateway.metrics import RouteFigures
from tollway.gateway.routes import Route
from tollway.gateway.upstream import Upstream


class Plan(NamedTuple):
    """A route with its upstream, its limit (None: exempt), its figures and its fixed header line."""

    route: Route
    upstream: Upstream
    limit: RateLimit | None
    figures: RouteFigures
    content_policy: bytes
