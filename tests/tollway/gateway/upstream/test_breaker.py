"""The breaker: open after failures in a row, probed after pauses that grow; a burst is one failure."""

from tollway.gateway.upstream.breaker import Breaker


def fail(breaker: Breaker, times: int, at: float = 0.0) -> float:
    """Let tries fail one after the other, each a moment after the last; return when the last one did."""
    for _ in range(times):
        breaker.failed(at, at + 0.001)
        at += 0.002
    return at - 0.001


def test_the_breaker_opens_after_failures_in_a_row_and_probes():
    breaker = Breaker()
    fail(breaker, 4)
    breaker.succeeded()
    assert breaker.allows(0.0)
    at = fail(breaker, 5, 1.0)
    assert breaker.is_open
    assert not breaker.allows(at + 0.9)
    assert breaker.allows(at + 1.1)
    assert not breaker.allows(at + 1.2)  # one probe in each pause
    breaker.failed(at + 1.1, at + 1.3)
    assert not breaker.allows(at + 3.2)  # the pause has doubled
    assert breaker.allows(at + 3.4)
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.allows(at + 3.4)


def test_a_burst_of_failures_counts_once():
    """Forty that began together end one after the other, for one reason."""
    breaker = Breaker()
    for number in range(40):
        breaker.failed(0.0, 20.0 + number)
    assert not breaker.is_open
    assert breaker.allows(20.0)


def test_what_is_left_of_a_burst_neither_opens_nor_lengthens_anything():
    breaker = Breaker()
    opened_at = fail(breaker, 5, 100.0)
    assert breaker.allows(opened_at + 1.1)  # a probe goes
    for number in range(40):  # these began before it opened
        breaker.failed(99.0, opened_at + 1.2 + number / 100)
    breaker.succeeded()  # the probe
    assert not breaker.is_open


def test_a_slow_probe_does_not_keep_the_next_away():
    breaker = Breaker()
    at = fail(breaker, 5)
    assert breaker.allows(at + 1.1)  # takes twenty seconds
    assert breaker.allows(at + 4.0)
    breaker.succeeded()
    assert not breaker.is_open


def test_a_probe_whose_client_left_frees_the_place():
    breaker = Breaker()
    at = fail(breaker, 5)
    assert breaker.allows(at + 1.1)
    breaker.cancelled(at + 1.1, at + 1.2)
    assert breaker.allows(at + 1.2)


def test_a_client_that_leaves_does_not_bring_a_probe_before_the_first_pause():
    breaker = Breaker()
    at = fail(breaker, 5)
    breaker.cancelled(at - 1.0, at)
    assert not breaker.allows(at + 0.5)


def test_pauses_have_an_end():
    breaker = Breaker()
    at = fail(breaker, 5)
    for _ in range(50):
        at += 10.1
        assert breaker.allows(at)
        breaker.failed(at, at)
    assert not breaker.allows(at + 9.9)
    assert breaker.allows(at + 10.1)
