"""Metrics of the gateway, counted in plain integers and given to Prometheus on each scrape.

A request adds to a few integers; the library's counters, with a lock and a label lookup each, would cost
more than everything else that is counted.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

# Upper bounds in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RouteMetrics:
    """What happened on one route."""

    __slots__ = ("bytes_in", "bytes_out", "duration_sum_s", "durations", "statuses")

    def __init__(self) -> None:
        self.statuses: defaultdict[int, int] = defaultdict(int)
        self.durations = [0] * (len(BUCKETS) + 1)
        self.duration_sum_s = 0.0
        self.bytes_in = 0
        self.bytes_out = 0

    def count(self, status: int, duration_s: float, bytes_in: int, bytes_out: int) -> None:
        """Add one finished request."""
        self.statuses[status] += 1
        self.durations[bisect_left(BUCKETS, duration_s)] += 1
        self.duration_sum_s += duration_s
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out


# Address, connections in use, idle ones, whether its breaker is open.
EndpointState = tuple[str, int, int, bool]


class Metrics(Collector):
    """All metrics of one gateway; `gauges` are read when asked for."""

    def __init__(self) -> None:
        self.routes: defaultdict[str, RouteMetrics] = defaultdict(RouteMetrics)
        self.refusals: defaultdict[str, int] = defaultdict(int)  # made here, by code
        self.authentications: defaultdict[str, int] = defaultdict(int)  # by result
        # (cluster, address, event); opening a connection belongs to no cluster
        self.upstream_events: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.endpoints: Callable[[], Iterable[EndpointState]] = lambda: ()

    def describe(self) -> Iterable[Metric]:
        """Register nothing in advance: names are fixed, but nothing has been counted yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Render everything as Prometheus metrics."""
        yield self._requests()
        yield self._durations()
        yield from self._bytes()
        yield _counter(
            "tollway_gateway_refusals", "Requests refused by the gateway itself", ("code",), self.refusals
        )
        yield _counter(
            "tollway_gateway_authentications",
            "Checks of credentials: cached, verified, exchanged; and those that failed",
            ("result",),
            self.authentications,
        )
        yield _counter(
            "tollway_gateway_upstream_events",
            "What happened with endpoints",
            ("cluster", "endpoint", "event"),
            self.upstream_events,
        )
        for name, (text, read) in self.gauges.items():
            yield GaugeMetricFamily(f"tollway_gateway_{name}", text, value=read())
        yield from self._endpoints()

    def _endpoints(self) -> Iterable[Metric]:
        connections = GaugeMetricFamily(
            "tollway_gateway_upstream_connections",
            "Connections to endpoints",
            labels=("endpoint", "state"),
        )
        breakers = GaugeMetricFamily(
            "tollway_gateway_breaker_open", "1 while an endpoint gets no requests", labels=("endpoint",)
        )
        for address, in_use, idle, breaker_open in self.endpoints():
            connections.add_metric((address, "in_use"), in_use)
            connections.add_metric((address, "idle"), idle)
            breakers.add_metric((address,), float(breaker_open))
        yield connections
        yield breakers

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "tollway_gateway_requests", "Requests answered", labels=("route", "status")
        )
        for name, route in self.routes.items():
            for status, count in route.statuses.items():
                family.add_metric((name, str(status)), count)
        return family

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "tollway_gateway_request_seconds",
            "From the head of a request to the last byte of its response",
            labels=("route",),
        )
        for name, route in self.routes.items():
            total = 0
            buckets: list[tuple[str, float]] = []
            for bound, count in zip([*map(str, BUCKETS), "+Inf"], route.durations, strict=True):
                total += count
                buckets.append((bound, total))
            family.add_metric((name,), buckets, route.duration_sum_s)
        return family

    def _bytes(self) -> Iterable[Metric]:
        for way, text in (("in", "Bytes of requests"), ("out", "Bytes of responses")):
            family = CounterMetricFamily(f"tollway_gateway_bytes_{way}", text, labels=("route",))
            for name, route in self.routes.items():
                family.add_metric((name,), route.bytes_in if way == "in" else route.bytes_out)
            yield family


def _counter(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[str, int] | Mapping[tuple[str, ...], int]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric((key,) if isinstance(key, str) else key, value)
    return family
