"""What one edge counts for its operator: plain numbers on the hot path, rendered when they are collected.

A Prometheus counter takes a lock for every step, which at many thousand flows a second is a cost of its own.
Everything here runs on one event loop, so the edge adds to dictionaries and a collector reads them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tollway.edge.terminate_cause import TerminateCause


class EdgeMetrics(Collector):
    """The figures of one edge. Who runs the edge registers them where its process is scraped."""

    def __init__(self) -> None:
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

    def collect(self) -> Iterator[Metric]:
        """Render everything."""
        opened = GaugeMetricFamily("tollway_edge_flows_open", "Flows under way.", labels=["protocol"])
        for protocol, count in self.flows_open.items():
            opened.add_metric([protocol], count)
        yield opened
        ended = {(protocol, cause.label): count for (protocol, cause), count in self.flows.items()}
        yield _pairs("tollway_edge_flows", "Flows ended, by cause.", ["protocol", "cause"], ended)
        yield _pairs("tollway_edge_bytes", "Bytes of ended flows.", ["protocol", "direction"], self.bytes)
        yield _pairs(
            "tollway_edge_refusals", "Requests refused, by code.", ["protocol", "code"], self.refusals
        )
        yield _singles(
            "tollway_edge_policy_refusals",
            "Flows and requests refused by a rule of the policy, the operator's or the customer's.",
            "rule",
            self.policy_refusals,
        )
        yield _singles(
            "tollway_edge_logins", "Logins judged: from the cache or asked for.", "source", self.logins
        )
        yield _singles("tollway_edge_leases", "Leases asked for, by outcome.", "outcome", self.leases)
        yield _singles(
            "tollway_edge_reports", "Reports delivered, to be repeated, or refused.", "outcome", self.reports
        )
        yield CounterMetricFamily(
            "tollway_edge_shortfall_bytes", "Bytes settled that nothing covered.", self.shortfall_bytes
        )
        yield CounterMetricFamily(
            "tollway_edge_quarantined_flows",
            "Flows that cannot be settled and are kept for the operator.",
            self.quarantined_flows,
        )
        yield CounterMetricFamily(
            "tollway_edge_quarantined_bytes",
            "Bytes of flows that cannot be settled and are kept for the operator.",
            self.quarantined_bytes,
        )


def _pairs(name: str, text: str, labels: list[str], counts: Mapping[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for pair, count in counts.items():
        family.add_metric(pair, count)
    return family


def _singles(name: str, text: str, label: str, counts: Counter[str]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
