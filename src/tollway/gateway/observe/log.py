"""The access log: a line per request. A query may carry a secret (of a mailed link, say): only the path is written."""

from typing import NamedTuple

from tollway.fabric.batched_log import BatchedJsonLog
from tollway.gateway.message.request import Request
from tollway.kit.times import SECOND_US


class AccessLogEntry(NamedTuple):
    """What is known about a request that has ended."""

    method: bytes
    path: bytes
    status: int
    route: str
    user_id: str
    ip: str
    agent: bytes
    duration_us: int
    upstream_us: int  # until the head of the upstream's response; 0 when there was none
    bytes_in: int
    bytes_out: int
    correlation_id: bytes
    reason: str  # the code of a refusal made here, or why it was cut short


AccessLog = BatchedJsonLog[AccessLogEntry]


def access_log(target: str) -> AccessLog:
    """Make the log; `target` is `stderr`, `off`, or a file."""
    return BatchedJsonLog(target, logger="tollway.gateway.access", event="request", fields=_fields)


def entry_of(request: Request, took_s: float) -> AccessLogEntry:
    """Return the record of a request that has ended."""
    identity = request.identity
    return AccessLogEntry(
        request.head.method,
        request.path,
        request.status,
        request.route.name,
        identity.user_id if identity is not None else "",
        request.client.ip,
        request.agent,
        int(took_s * SECOND_US),
        int(request.upstream_s * SECOND_US),
        request.bytes_in,
        request.bytes_out,
        request.correlation_id,
        request.reason,
    )


def _fields(entry: AccessLogEntry) -> dict[str, object]:
    return {
        "method": entry.method.decode(),
        "path": entry.path.decode("latin-1"),
        "status": entry.status,
        "route": entry.route,
        "user_id": entry.user_id,
        "ip": entry.ip,
        "agent": entry.agent.decode("latin-1"),
        "duration_ms": entry.duration_us / 1_000,
        "upstream_ms": entry.upstream_us / 1_000,
        "bytes_in": entry.bytes_in,
        "bytes_out": entry.bytes_out,
        "correlation_id": entry.correlation_id.decode(),
        "reason": entry.reason,
    }
