"""The compiled table: everything that a request on a route needs is looked up once, when the table is made.

A table is never changed. A new one takes its place, and requests under way keep the route that they began with.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tollway.gateway.observe.metrics import Metrics, RouteMetrics
from tollway.gateway.policy.limits import RateLimit
from tollway.gateway.route.rewrite import Rewrite, rewrite_of
from tollway.gateway.route.route import API_CONTENT_POLICY, METHODS, Route
from tollway.gateway.upstream.cluster import Cluster
from tollway.gateway.upstream.endpoint import Endpoint

NO_LIMIT = "none"
PASSWORD_LIMIT = "login"  # noqa: S105  the class of what could be used to guess a password
Headers = tuple[tuple[bytes, bytes], ...]


class InvalidRoutes(ValueError):
    """Routes that cannot be used. The message is one line that says where and what is wrong."""


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """A route with its cluster, its limit (None: exempt), its metrics and its fixed header lines."""

    name: str
    route: Route
    cluster: Cluster
    public: bool
    websocket: bool
    limit: RateLimit | None
    metrics: RouteMetrics
    content_policy: bytes
    rewrite: Rewrite | None
    headers: Headers  # name in lower case, value
    forward_token: bool
    takes_passwords: bool
    retries: int
    body_limit_bytes: int
    time_limit_s: float
    connect_timeout_s: float
    response_timeout_s: float
    idle_timeout_s: float


class RoutingTable:
    """Finds the route of a request. `unmatched` stands for requests without one."""

    def __init__(self, routes: Iterable[CompiledRoute], unmatched: CompiledRoute) -> None:
        self.unmatched = unmatched
        self.routes: Mapping[str, CompiledRoute] = MappingProxyType({one.name: one for one in routes})
        self.clusters = {one.cluster.name: one.cluster for one in self.routes.values()}
        self._any_host = _Node()
        self._hosts: dict[bytes, _Node] = {}
        for one in self.routes.values():
            for root in self._roots(one.route):
                root.insert(one)

    def match(
        self, host: bytes, path: bytes, method: bytes, headers: Headers
    ) -> CompiledRoute | frozenset[bytes]:
        """Return the route, or the methods that the path allows: none when there is no such path."""
        segments = path.split(b"/")
        allowed: frozenset[bytes] = frozenset()
        if self._hosts:
            root = self._hosts.get(host.lower().partition(b":")[0])
            found = root.find(segments, 1, headers) if root is not None else None
            if found is not None:
                if (route := found.choose(method, headers)) is not None:
                    return route
                allowed = frozenset(found)
        found = self._any_host.find(segments, 1, headers)
        if found is None:
            return allowed
        return found.choose(method, headers) or allowed.union(found)

    def _roots(self, route: Route) -> "list[_Node]":
        if not route.hosts:
            return [self._any_host]
        return [self._hosts.setdefault(host.encode(), _Node()) for host in route.hosts]


class _Entry(dict[bytes, list[CompiledRoute]]):
    """Routes at one path, by method; those with the most header conditions first."""

    unconditional = False  # whether one of them has no header conditions

    def add(self, compiled: CompiledRoute) -> None:
        """Add a route. Raises InvalidRoutes when another one takes the same requests."""
        for method in compiled.route.methods or METHODS:
            same = self.setdefault(method.encode(), [])
            for other in same:
                if other.headers == compiled.headers:
                    raise InvalidRoutes(f"route {compiled.name!r} takes the same requests as {other.name!r}")
            same.append(compiled)
            same.sort(key=lambda one: -len(one.headers))
        self.unconditional = self.unconditional or not compiled.headers

    def applies(self, headers: Headers) -> bool:
        """Return whether a route here could take a request with these headers, whatever its method."""
        return self.unconditional or any(
            _has_all(headers, one.headers) for same in self.values() for one in same
        )

    def choose(self, method: bytes, headers: Headers) -> CompiledRoute | None:
        """Return the route with the most header conditions that the request meets."""
        for one in self.get(method, ()):
            if not one.headers or _has_all(headers, one.headers):
                return one
        return None


class _Node:
    """A place in the tree of path segments."""

    __slots__ = ("children", "here", "parameter", "rest")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node] = {}
        self.parameter: _Node | None = None  # any one segment
        self.here = _Entry()  # routes whose path ends here
        self.rest = _Entry()  # routes that take whatever follows

    def find(self, segments: list[bytes], at: int, headers: Headers) -> _Entry | None:
        """Return what stands at the path: a literal segment goes before a parameter, a parameter before a rest."""
        if at == len(segments):
            return self.here if self.here.applies(headers) else None
        child = self.children.get(segments[at])
        if child is not None and (found := child.find(segments, at + 1, headers)) is not None:
            return found
        if self.parameter is not None and segments[at]:
            found = self.parameter.find(segments, at + 1, headers)
            if found is not None:
                return found
        return self.rest if self.rest.applies(headers) else None

    def insert(self, compiled: CompiledRoute) -> None:
        """Add a route. Raises InvalidRoutes when another one takes the same requests."""
        route, node = compiled.route, self
        if route.prefix:
            for segment in route.prefix.strip("/").split("/") if route.prefix != "/" else ():
                node = node.children.setdefault(segment.encode(), _Node())
            node.here.add(compiled)
            node.rest.add(compiled)
            return
        *inner, last = route.path[1:].split("/")
        for segment in inner:
            node = node.child(segment)
        if last.endswith(":path}"):
            node.rest.add(compiled)
        else:
            node = node.child(last)
            node.here.add(compiled)

    def child(self, segment: str) -> "_Node":
        """Return the place of a further segment of a template."""
        if segment.startswith("{"):
            self.parameter = self.parameter or _Node()
            return self.parameter
        return self.children.setdefault(segment.encode(), _Node())


def _has_all(sent: Headers, wanted: Headers) -> bool:
    values = {name.lower(): value for name, value in sent}
    return all(values.get(name) == value for name, value in wanted)


# ── compiling ───────────────────────────────────────────────────────────────────────────────────────


def compile_table(
    routes: Iterable[Route],
    limits: Mapping[str, RateLimit],
    endpoint: Callable[[str, str], Endpoint],
    metrics: Metrics,
) -> RoutingTable:
    """Make the table. `endpoint` gives the endpoint of a cluster at an address. Raises InvalidRoutes."""
    clusters: dict[str, Cluster] = {}
    compiled: dict[str, CompiledRoute] = {}
    for route in routes:
        if route.name in compiled:
            raise InvalidRoutes(f"two routes are called {route.name!r}")
        name = route.cluster or route.name
        cluster = clusters.get(name)
        if cluster is None:
            endpoints = tuple(endpoint(name, address) for address in dict.fromkeys(route.endpoints))
            cluster = clusters[name] = Cluster(name, endpoints, route.balancer)
        elif (*(one.address for one in cluster.endpoints),) != (*dict.fromkeys(route.endpoints),):
            raise InvalidRoutes(f"route {route.name!r}: cluster {name!r} has other endpoints elsewhere")
        compiled[route.name] = _compile(route, cluster, limits, metrics)
    return RoutingTable(compiled.values(), _unmatched(limits, metrics))


def _compile(
    route: Route, cluster: Cluster, limits: Mapping[str, RateLimit], metrics: Metrics
) -> CompiledRoute:
    limit = limits.get(route.limit)
    if limit is None and route.limit != NO_LIMIT:
        known = ", ".join((*limits, NO_LIMIT))
        raise InvalidRoutes(f"route {route.name!r}: limit: no class {route.limit!r}; known are {known}")
    return CompiledRoute(
        name=route.name,
        route=route,
        cluster=cluster,
        public=route.auth == "public",
        websocket=route.kind == "websocket",
        limit=limit,
        metrics=metrics.routes[route.name],
        content_policy=policy_line(route.content_policy),
        rewrite=rewrite_of(route),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in route.headers.items()),
        forward_token=route.forward_token,
        takes_passwords=route.limit == PASSWORD_LIMIT,
        retries=route.retries,
        body_limit_bytes=route.body_limit_bytes,
        time_limit_s=route.time_limit_s,
        connect_timeout_s=route.connect_timeout_s,
        response_timeout_s=route.response_timeout_s,
        idle_timeout_s=route.idle_timeout_s,
    )


def _unmatched(limits: Mapping[str, RateLimit], metrics: Metrics) -> CompiledRoute:
    """Requests without a route count like any of somebody unknown: guesses at paths are not free."""
    route = Route(name="-", prefix="/", endpoints=("nowhere:0",))
    return _compile(route, Cluster("-", (), "least_requests"), limits, metrics)


def policy_line(policy: str) -> bytes:
    """Return the header line of a content policy; none for an empty one."""
    return b"Content-Security-Policy: %b\r\n" % policy.encode() if policy else b""


API_CONTENT_POLICY_LINE = policy_line(API_CONTENT_POLICY)
