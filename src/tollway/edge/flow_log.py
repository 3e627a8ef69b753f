"""One line for every flow that ended: what an operator greps. What is charged comes from the meter book."""

from typing import NamedTuple

from tollway.edge import meter
from tollway.edge.cause import Cause
from tollway.edge.flow import Flow
from tollway.fabric.batched_log import BatchedJsonLog


class Ended(NamedTuple):
    """What is known about a flow that has ended; its slot in the book may be another's by the time of writing."""

    session_id: str
    resource_id: str
    protocol: str
    client: str
    target: str
    requests: int
    bytes_in: int
    bytes_out: int
    lasted_us: int
    cause: Cause


FlowLog = BatchedJsonLog[Ended]


def flow_log(target: str) -> FlowLog:
    """Make the log; `target` is `stderr`, `off`, or a file."""
    return BatchedJsonLog(target, logger="tollway.edge.flows", event="flow ended", fields=_fields)


def ended(flow: Flow, cause: Cause) -> Ended:
    """Say what is known about a flow that has ended."""
    slot = flow.slot
    return Ended(
        flow.session_id,
        flow.allowance.resource_id,
        flow.protocol,
        flow.client_address,
        slot.target,
        slot[meter.REQUESTS],
        flow.input_octets,
        flow.output_octets,
        slot[meter.LASTED_US],
        cause,
    )


def _fields(flow: Ended) -> dict[str, object]:
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
