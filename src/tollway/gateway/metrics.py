"""Figures of the gateway, counted in plain integers and handed to Prometheus when it asks.

A request adds to a few integers; the library's counters, with a lock and a label lookup each, would cost
more than the rest of the bookkeeping together.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

# Upper bounds in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RouteFigures:
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


class Figures(Collector):
    """All figures of one gateway; `gauges` are read when asked for."""

    def __init__(self) -> None:
        self.routes: defaultdict[str, RouteFigures] = defaultdict(RouteFigures)
        self.reasons: defaultdict[str, int] = defaultdict(int)  # refusals made here, by code
        self.verdicts: defaultdict[str, int] = defaultdict(int)  # how credentials were judged
        self.upstreams: defaultdict[tuple[str, str], int] = defaultdict(int)  # (upstream, what happened)
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.upstream_gauges: Callable[[], Iterable[tuple[str, Mapping[str, float]]]] = lambda: ()

    def describe(self) -> Iterable[Metric]:
        """Tell the registry nothing in advance: names are fixed, but nothing has happened yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Render everything as Prometheus metrics."""
        yield self._requests()
        yield self._durations()
        yield from self._bytes()
        yield _counter(
            "tollway_gateway_refusals", "Requests answered by the gateway itself", ("code",), self.reasons
        )
        yield _counter(
            "tollway_gateway_verdicts",
            "Credentials, by where the verdict came from",
            ("source",),
            self.verdicts,
        )
        yield _counter(
            "tollway_gateway_upstream_events",
            "What happened with upstreams",
            ("upstream", "event"),
            self.upstreams,
        )
        for name, (text, read) in self.gauges.items():
            yield GaugeMetricFamily(f"tollway_gateway_{name}", text, value=read())
        upstream = GaugeMetricFamily(
            "tollway_gateway_upstream", "State of upstreams", labels=("upstream", "what")
        )
        for name, values in self.upstream_gauges():
            for what, value in values.items():
                upstream.add_metric((name, what), value)
        yield upstream

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "tollway_gateway_requests", "Requests answered", labels=("route", "status")
        )
        for name, figures in self.routes.items():
            for status, count in figures.statuses.items():
                family.add_metric((name, str(status)), count)
        return family

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "tollway_gateway_seconds", "From the head to the last byte", labels=("route",)
        )
        for name, figures in self.routes.items():
            total = 0
            buckets: list[tuple[str, float]] = []
            for bound, count in zip([*map(str, BUCKETS), "+Inf"], figures.durations, strict=True):
                total += count
                buckets.append((bound, total))
            family.add_metric((name,), buckets, figures.duration_sum_s)
        return family

    def _bytes(self) -> Iterable[Metric]:
        for way, text in (("in", "Bytes of requests"), ("out", "Bytes of answers")):
            family = CounterMetricFamily(f"tollway_gateway_bytes_{way}", text, labels=("route",))
            for name, figures in self.routes.items():
                family.add_metric((name,), figures.bytes_in if way == "in" else figures.bytes_out)
            yield family


def _counter(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[str, int] | Mapping[tuple[str, ...], int]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric((key,) if isinstance(key, str) else key, value)
    return family
