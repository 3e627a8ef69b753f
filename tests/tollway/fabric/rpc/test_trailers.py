"""How refusals and contexts cross the network."""

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.contracts.errors import CardDeclined
from tollway.fabric.rpc.call import Call
from tollway.fabric.rpc.trailers import (
    PROBLEM,
    PROBLEM_LIMIT_BYTES,
    read_call,
    read_problem,
    status_of,
    write_call,
    write_problem,
)
from tollway.kit.errors import Conflict, DeadlineExceeded, Internal, Invalid, Problem, Unavailable


def raised(code: grpc.StatusCode, trailer: bytes | None = None) -> grpc.aio.AioRpcError:
    trailers = grpc.aio.Metadata(*([(PROBLEM, trailer)] if trailer else []))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers)


@given(detail=st.text(max_size=200), extra=st.dictionaries(st.text("abc_", min_size=1), st.integers()))
def test_a_problem_survives_the_trip(detail: str, extra: dict[str, int]) -> None:
    extra.pop("detail", None)
    problem = read_problem(raised(grpc.StatusCode.ABORTED, write_problem(CardDeclined(detail, **extra))))
    assert type(problem) is CardDeclined
    assert problem.detail == (detail or CardDeclined.hint)
    assert problem.extra == extra


@given(st.text(min_size=3000, max_size=4000))
def test_the_trailer_never_grows_past_its_limit(text: str) -> None:
    assert len(write_problem(Invalid(text, errors=[text] * 9))) <= PROBLEM_LIMIT_BYTES


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.CANCELLED, Unavailable),
        (grpc.StatusCode.UNIMPLEMENTED, Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.DATA_LOSS, Internal),
    ],
)
def test_what_grpc_itself_raises_becomes_a_problem(code: grpc.StatusCode, problem: type[Problem]) -> None:
    assert type(read_problem(raised(code))) is problem


def test_tools_that_know_grpc_only_see_a_fitting_status() -> None:
    assert status_of(Conflict()) is grpc.StatusCode.FAILED_PRECONDITION
    assert status_of(Internal()) is grpc.StatusCode.INTERNAL


def test_the_context_survives_the_trip_but_the_caller_is_not_taken_from_it() -> None:
    call = Call("orders", "usr_1", "cor_1", "00-a-b-01", None, "orders:order:create")
    assert read_call(write_call(call), "access", 7.5) == Call(
        "access", "usr_1", "cor_1", "00-a-b-01", 7.5, "orders:order:create"
    )
