"""How a call's context and a refusal cross the network: metadata names, the problem trailer, gRPC status codes."""

import json
from collections.abc import Iterable
from typing import Any

import grpc

from tollway.fabric.rpc.call import Call
from tollway.kit.errors import DeadlineExceeded, Internal, Problem, Unavailable

PROBLEM = "tollway-problem-bin"
USER, CORRELATION, TRACE, ACTION = "tollway-user", "tollway-correlation", "traceparent", "tollway-action"
TOKEN = "tollway-access-token"  # noqa: S105  the name of the metadata
# Peers refuse more than 8 KiB of trailers altogether; base64 adds a third.
PROBLEM_LIMIT_BYTES = 4096

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    402: grpc.StatusCode.FAILED_PRECONDITION,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def status_of(problem: Problem) -> grpc.StatusCode:
    """Return the status code under which a problem travels, for tools that know gRPC only."""
    return _CODES.get(problem.status, grpc.StatusCode.INTERNAL)


def write_problem(problem: Problem) -> bytes:
    """Make the trailer's value: JSON of code, detail and extra; the extra is left out when it is too large."""
    body: dict[str, Any] = {"code": problem.code, "detail": problem.detail, "extra": problem.extra}
    text = json.dumps(body, default=str).encode()
    if len(text) > PROBLEM_LIMIT_BYTES:
        body = {"code": problem.code, "detail": problem.detail[:500], "extra": {}}
        text = json.dumps(body).encode()
    return text


def revive_problem(value: str | bytes) -> Problem:
    """Rebuild the problem that `write_problem` has written."""
    body = json.loads(value)
    return Problem.revive(body["code"], body["detail"], body["extra"])


def read_problem(error: grpc.aio.AioRpcError) -> Problem:
    """Turn what gRPC raised into the problem it stands for."""
    for name, value in error.trailing_metadata() or ():
        if name == PROBLEM:
            return revive_problem(value)
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded()
    if code in {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,  # the far side ended the call: it is stopping
        grpc.StatusCode.UNIMPLEMENTED,  # it serves other service APIs, as during an upgrade
    }:
        return Unavailable()
    return Internal()


def write_call(call: Call) -> list[tuple[str, str]]:
    """Make the metadata of a call. The caller is proved by its certificate and the deadline is gRPC's own."""
    pairs = (
        (USER, call.user_id),
        (CORRELATION, call.correlation_id),
        (TRACE, call.traceparent),
        (ACTION, call.action),
        (TOKEN, call.token),
    )
    return [(name, value) for name, value in pairs if value]


def read_call(metadata: Iterable[tuple[str, str | bytes]], caller: str, deadline: float | None) -> Call:
    """Rebuild the context of a call from its metadata."""
    fields = {name: value for name, value in metadata if isinstance(value, str)}
    user_id, correlation_id, traceparent, action, token = (
        fields.get(name, "") for name in (USER, CORRELATION, TRACE, ACTION, TOKEN)
    )
    return Call(caller, user_id, correlation_id, traceparent, deadline, action, token)
