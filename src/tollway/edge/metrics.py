"""What the edge counts for its operator. Series are bound ahead; the hot path never looks a label up."""

from prometheus_client import Counter, Gauge

FLOWS_OPEN = Gauge("tollway_edge_flows_open", "Flows under way.", ["protocol"])
FLOWS = Counter("tollway_edge_flows_total", "Flows ended, by cause.", ["protocol", "cause"])
BYTES = Counter("tollway_edge_bytes_total", "Bytes of ended flows.", ["protocol", "direction"])
REFUSALS = Counter("tollway_edge_refusals_total", "Requests refused, by our code.", ["protocol", "code"])
LOGINS = Counter("tollway_edge_logins_total", "Logins judged: remembered, or asked for.", ["source"])
LEASES = Counter("tollway_edge_leases_total", "Leases asked for, by outcome.", ["outcome"])
REPORTS = Counter("tollway_edge_reports_total", "Reports delivered or to be repeated.", ["outcome"])
SHORTFALL = Counter("tollway_edge_shortfall_bytes_total", "Bytes settled that no reservation covered.")

LOGINS_REMEMBERED = LOGINS.labels("remembered")
LOGINS_ASKED = LOGINS.labels("asked")


class ProtocolMetrics:
    """The series of one protocol."""

    def __init__(self, protocol: str) -> None:
        self.open = FLOWS_OPEN.labels(protocol)
        self.bytes_in = BYTES.labels(protocol, "in")
        self.bytes_out = BYTES.labels(protocol, "out")
