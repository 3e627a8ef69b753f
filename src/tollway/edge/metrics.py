"""What one edge counts for its operator: plain numbers on the hot path, rendered when they are collected.

A Prometheus counter takes a lock for every step, which at many thousand flows a second is a cost of its own.
Everything here runs on one event loop, so the edge adds to dictionaries and a collector reads them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tollway.edge.terminate_cause import TerminateCause


class EdgeMetrics(Collector):
    """The figures of one edge, by its node's name. Who runs the edge registers them where its process is scraped."""

    def __init__(self, node: str = "") -> None:
        self._node = node
        self.flows_open: Counter[str] = Counter()  # by protocol
        self.flows: Counter[tuple[str, TerminateCause]] = Counter()  # ended, by protocol and cause
        self.bytes: Counter[tuple[str, str]] = Counter()  # of ended flows, by protocol and direction
        self.refusals: Counter[tuple[str, str]] = Counter()  # by protocol and code
        self.policy_refusals: Counter[str] = Counter()  # by rule
        self.logins: Counter[str] = Counter()  # cached, asked
        self.leases: Counter[str] = Counter()  # granted, recalling, exhausted, stopped, unavailable, refused
        self.reports: Counter[str] = Counter()  # delivered, to_repeat, refused
        self.shortfall_bytes = 0
        self.quarantined_flows = 0
        self.quarantined_bytes = 0
        self.live_bytes: Callable[[], Mapping[tuple[str, str], int]] = dict
        """What flows under way have moved, by protocol and direction."""
        self.leases_held: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """How many leases are held, and how many of their bytes are not settled."""

    def collect(self) -> Iterator[Metric]:
        """Render everything."""
        leases, unsettled = self.leases_held()
        moved = self.bytes + Counter(self.live_bytes())
        ended = {(protocol, cause.label): count for (protocol, cause), count in self.flows.items()}
        yield self._gauge("flows_open", "Flows under way.", ["protocol"], _keyed(self.flows_open))
        yield self._counter("flows", "Flows ended, by cause.", ["protocol", "cause"], ended)
        yield self._counter("bytes", "Bytes moved, as billed.", ["protocol", "direction"], moved)
        yield self._counter("refusals", "Requests refused.", ["protocol", "code"], self.refusals)
        yield self._counter(
            "policy_refusals",
            "Flows and requests refused by a rule of the policy, the operator's or the customer's.",
            ["rule"],
            _keyed(self.policy_refusals),
        )
        yield self._counter(
            "logins", "Logins judged: from the cache or asked for.", ["source"], _keyed(self.logins)
        )
        yield self._counter("leases", "Leases asked for.", ["outcome"], _keyed(self.leases))
        yield self._gauge("leases_held", "Leases held.", [], {(): leases})
        yield self._gauge("lease_bytes", "Bytes reserved by leases and not yet settled.", [], {(): unsettled})
        yield self._counter("reports", "Reports of use.", ["outcome"], _keyed(self.reports))
        yield self._counter(
            "shortfall_bytes", "Bytes settled that nothing covered.", [], {(): self.shortfall_bytes}
        )
        kept = "that cannot be settled and are kept for the operator."
        yield self._counter("quarantined_flows", f"Flows {kept}", [], {(): self.quarantined_flows})
        yield self._counter("quarantined_bytes", f"Bytes of flows {kept}", [], {(): self.quarantined_bytes})

    def _counter(self, name: str, text: str, labels: list[str], values: "_Values") -> Metric:
        return self._filled(
            CounterMetricFamily(f"tollway_edge_{name}", text, labels=["node", *labels]), values
        )

    def _gauge(self, name: str, text: str, labels: list[str], values: "_Values") -> Metric:
        return self._filled(GaugeMetricFamily(f"tollway_edge_{name}", text, labels=["node", *labels]), values)

    def _filled(self, family: "_Family", values: "_Values") -> Metric:
        for key, value in values.items():
            family.add_metric([self._node, *key], value)
        return family


_Values = Mapping[tuple[str, ...], int]
_Family = CounterMetricFamily | GaugeMetricFamily


def _keyed(counts: Mapping[str, int]) -> _Values:
    return {(key,): count for key, count in counts.items()}
