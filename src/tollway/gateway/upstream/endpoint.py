"""Endpoints: the addresses of a cluster, each with its connections and its health.

Connections are kept by address and health by cluster and address, both outside the routing table: a table can be
replaced while they go on, and a service that fails does not close the way to its neighbours in the same process.
Within a service each route has a health of its own: one that fails, or is slow, does not close the way to the others,
and takes no more than its share of the connections.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tollway.gateway.observe.metrics import EndpointState, Metrics
from tollway.gateway.upstream.breaker import Breaker
from tollway.gateway.upstream.pool import Pool

Key = tuple[str, str]  # cluster, address


class RouteLoad:
    """The requests of one route that an endpoint works on, and whether it answers them."""

    __slots__ = ("active", "breaker")

    def __init__(self) -> None:
        self.active = 0
        self.breaker = Breaker()


class Endpoint:
    """One address (`unix:/path` or `host:port`) of a cluster. `active` counts the requests that it works on.

    `breaker` is about opening connections; the one of each route about responses.
    """

    __slots__ = ("_counts", "active", "address", "breaker", "cluster", "pool", "routes")

    def __init__(self, cluster: str, address: str, pool: Pool, metrics: Metrics) -> None:
        self.cluster = cluster
        self.address = address
        self.active = 0
        self.breaker = Breaker()
        self.routes: defaultdict[str, RouteLoad] = defaultdict(RouteLoad)
        self.pool = pool
        self._counts = metrics.upstream_events

    def allows(self, route: str, now: float) -> bool:
        """Return whether a request of this route may be tried here now."""
        return self.routes[route].breaker.allows(now) and self.breaker.allows(now)

    def is_full(self, route: str, *, uploads: bool, anew: bool) -> bool:
        """Return whether there is no connection for one more request of this route.

        `uploads`: its body has not arrived completely. `anew`: it needs a connection of its own.
        """
        pool = self.pool
        return (
            (pool.is_full and (anew or not pool.idle))
            or self.routes[route].active >= pool.route_share
            or (uploads and pool.uploads >= pool.max_uploads)
        )

    @property
    def is_open(self) -> bool:
        """Whether a breaker keeps requests away: all, or those of some route."""
        return self.breaker.is_open or any(one.breaker.is_open for one in self.routes.values())

    def count(self, event: str) -> None:
        """Count what happened, for the metrics."""
        self._counts[self.cluster, self.address, event] += 1


class Endpoints:
    """All endpoints in use, and their pools. At most `maximum` connections are open to each address."""

    def __init__(self, maximum: int, idle_timeout_s: float, metrics: Metrics) -> None:
        self._maximum = maximum
        self._idle_timeout_s = idle_timeout_s
        self._metrics = metrics
        self._endpoints: dict[Key, Endpoint] = {}
        self._pools: dict[str, Pool] = {}
        self._retired: set[Pool] = set()

    def get(self, cluster: str, address: str) -> Endpoint:
        """Return the endpoint, a new one when there is none."""
        known = self._endpoints.get((cluster, address))
        if known is None:
            known = Endpoint(cluster, address, self._pool(address), self._metrics)
            self._endpoints[cluster, address] = known
        return known

    def retain(self, wanted: Iterable[Endpoint]) -> None:
        """Forget the endpoints that no route names any more; they finish the requests that they have."""
        self._endpoints = {(one.cluster, one.address): one for one in wanted}
        used = {one.address for one in self._endpoints.values()}
        for address in self._pools.keys() - used:
            pool = self._pools.pop(address)
            pool.retire()
            self._retired.add(pool)

    def tick(self, now: float) -> None:
        """Close connections that nobody needed for a while."""
        for pool in self._pools.values():
            pool.tick(now)
        if self._retired:
            self._retired = {pool for pool in self._retired if pool.is_open}

    def close(self) -> None:
        """Close every connection."""
        for pool in (*self._pools.values(), *self._retired):
            pool.close()

    def states(self) -> Iterable[EndpointState]:
        """Yield the connections of each address, and whether a breaker keeps requests away from it."""
        breakers: Mapping[str, list[bool]] = defaultdict(list)
        for one in self:
            breakers[one.address].append(one.is_open)
        for address, pool in self._pools.items():
            yield address, len(pool.connections) - pool.idle, pool.idle, any(breakers[address])

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def _pool(self, address: str) -> Pool:
        pool = self._pools.get(address)
        if pool is None:

            def count(event: str) -> None:
                self._metrics.upstream_events["", address, event] += 1

            pool = self._pools[address] = Pool(address, self._maximum, self._idle_timeout_s, count)
        return pool
