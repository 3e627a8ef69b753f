"""Routes made ready: everything that a request on one needs, found once at start."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tollway.gateway.limits import RateLimit
from tollway.gateway.metrics import Figures, RouteFigures
from tollway.gateway.routes import API_CONTENT_POLICY, Route, RouteTable
from tollway.gateway.settings import GatewaySettings
from tollway.gateway.upstream import Upstream


class Plan(NamedTuple):
    """A route with its upstream, its limit (None: exempt), its figures and its fixed header line."""

    route: Route
    upstream: Upstream
    limit: RateLimit | None
    figures: RouteFigures
    content_policy: bytes


class Plans:
    """The plans of all routes, and the upstreams they share. `nowhere` is the plan of what has no route."""

    def __init__(
        self,
        routes: Sequence[Route],
        limits: Mapping[str, RateLimit],
        settings: GatewaySettings,
        figures: Figures,
    ) -> None:
        self.upstreams: dict[str, Upstream] = {}
        self._limits = limits
        self._settings = settings
        self._figures = figures
        self._by_name = {route.name: self._plan(route) for route in routes}
        assert len(self._by_name) == len(routes), "two routes have the same name"
        self.table = RouteTable((plan.route, plan) for plan in self._by_name.values())
        # Guesses at addresses are not free: they count like any request of somebody unknown.
        self.nowhere = Plan(
            Route(name="-", prefix="/", upstream=""),
            Upstream("", settings, figures),
            limits["default"],
            figures.routes["-"],
            policy_line(API_CONTENT_POLICY),
        )

    def __getitem__(self, name: str) -> Plan:
        return self._by_name[name]

    def _plan(self, route: Route) -> Plan:
        limit = self._limits.get(route.limit)
        assert limit is not None or not route.limit, f"route {route.name}: no limit class {route.limit!r}"
        upstream = self.upstreams.get(route.upstream)
        if upstream is None:
            upstream = Upstream(route.upstream, self._settings, self._figures)
            self.upstreams[route.upstream] = upstream
        return Plan(
            route, upstream, limit, self._figures.routes[route.name], policy_line(route.content_policy)
        )


def policy_line(policy: str) -> bytes:
    """Return the header line of a content policy; none for an empty one."""
    return b"Content-Security-Policy: %b\r\n" % policy.encode() if policy else b""
