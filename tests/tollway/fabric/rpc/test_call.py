"""The context of a call, and how `acting` lays one over another."""

from time import monotonic

import pytest

from tollway.fabric import telemetry
from tollway.fabric.rpc import Call, call_context, current


def test_outside_of_a_call_nobody_asks() -> None:
    assert current() == Call()
    assert current().left_s() is None


def test_acting_changes_what_it_is_given_and_puts_it_back() -> None:
    with call_context(user_id="usr_1", correlation_id="cor_1", traceparent="t"):
        with call_context(user_id="usr_2"):
            assert current() == Call("", "usr_2", "cor_1", "t", None)
            assert telemetry.correlation_id.get() == "cor_1"
        assert current().user_id == "usr_1"
    assert current() == Call()
    assert telemetry.correlation_id.get() == telemetry.traceparent.get() == ""


def test_it_is_put_back_after_an_error() -> None:
    with pytest.raises(KeyError), call_context(user_id="usr_1"):
        raise KeyError
    assert current() == Call()


def test_an_inner_timeout_cannot_lengthen_the_outer() -> None:
    with call_context(timeout_s=1):
        with call_context(timeout_s=60):
            assert (current().left_s() or 9) <= 1
        with call_context(timeout_s=0.1):
            assert (current().left_s() or 9) <= 0.1


def test_a_deadline_in_the_past_has_less_than_nothing_left() -> None:
    assert (Call(deadline=monotonic() - 1).left_s() or 0) < 0
