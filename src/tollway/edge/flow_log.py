"""One line for every flow that ended: what an operator greps. What is charged comes from the meter file."""

from typing import NamedTuple

from tollway.edge import meter_file
from tollway.edge.flow import Flow
from tollway.edge.terminate_cause import TerminateCause
from tollway.fabric.batched_log import BatchedJsonLog


class EndedFlow(NamedTuple):
    """What is known about a flow that has ended; its slot in the meter file may be another's by the time of writing."""

    session_id: str
    resource_id: str
    protocol: str
    client: str
    target: str
    requests: int
    bytes_in: int
    bytes_out: int
    lasted_us: int
    cause: TerminateCause


FlowLog = BatchedJsonLog[EndedFlow]


def flow_log(target: str) -> FlowLog:
    """Make the log; `target` is `stderr`, `off`, or a file."""
    return BatchedJsonLog(target, logger="tollway.edge.flows", event="flow ended", fields=_fields)


def ended(flow: Flow, cause: TerminateCause) -> EndedFlow:
    """Say what is known about a flow that has ended."""
    slot = flow.slot
    return EndedFlow(
        flow.session_id,
        flow.quota.resource_id,
        flow.protocol,
        flow.client_address,
        flow.target,
        slot[meter_file.REQUESTS],
        flow.spend.bytes_in,
        flow.spend.bytes_out,
        slot[meter_file.LASTED_US],
        cause,
    )


def _fields(flow: EndedFlow) -> dict[str, object]:
    return {
        "session_id": flow.session_id,
        "resource_id": flow.resource_id,
        "protocol": flow.protocol,
        "client": flow.client,
        "target": flow.target,
        "requests": flow.requests,
        "bytes_in": flow.bytes_in,
        "bytes_out": flow.bytes_out,
        "lasted_ms": flow.lasted_us // 1000,
        "cause": flow.cause.label,
    }
