"""The breaker: open after failures in a row, probed after pauses that grow."""

from tollway.gateway.upstream.breaker import Breaker


def test_the_breaker_opens_after_failures_in_a_row_and_probes():
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(0.0)
    breaker.succeeded()
    for _ in range(5):
        assert breaker.allows(0.0)
        breaker.failed(0.0)
    assert breaker.is_open
    assert not breaker.allows(0.5)
    assert breaker.allows(1.1)
    assert not breaker.allows(1.1)  # one probe at a time
    breaker.failed(1.1)
    assert not breaker.allows(2.5)  # the pause has doubled
    assert breaker.allows(3.2)
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.allows(3.2)


def test_a_probe_whose_client_left_frees_the_place():
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0.0)
    assert breaker.allows(1.1)
    breaker.cancelled()
    assert breaker.allows(1.2)


def test_pauses_have_an_end():
    breaker = Breaker()
    now = 0.0
    for _ in range(50):
        breaker.failed(now)
        now += 0 if breaker.allows(now) else 30.1
        breaker.allows(now)
    breaker.failed(now)
    assert not breaker.allows(now + 29.9)
    assert breaker.allows(now + 30.1)


def test_a_burst_of_failures_counts_once():
    """What was under way when the breaker opened fails too, and says nothing new."""
    breaker = Breaker()
    for _ in range(40):
        breaker.failed(0.0)
    assert breaker.allows(1.1)
