"""Who asked most: counted for some minutes, bounded, and forgotten."""

import pytest

from tollway.gateway.observe import callers
from tollway.gateway.observe.callers import OTHERS, WINDOW_S, CallerCounts, CallerUse


def test_the_most_busy_come_first_and_refusals_are_counted() -> None:
    counts = CallerCounts()
    for status in (200, 429, 403, 502):
        counts.add("usr_ann", status, 10, 1.0)
    counts.add("192.0.2.1", 200, 5, 2.0)
    assert counts.top(9, 3.0) == [CallerUse("usr_ann", 4, 2, 40), CallerUse("192.0.2.1", 1, 0, 5)]
    assert len(counts.top(1, 3.0)) == 1


def test_what_is_older_than_two_windows_is_forgotten() -> None:
    counts = CallerCounts()
    counts.add("a", 200, 1, 0.0)
    counts.add("b", 200, 1, WINDOW_S + 1)
    assert {one.caller for one in counts.top(9, WINDOW_S + 2)} == {"a", "b"}
    assert {one.caller for one in counts.top(9, 2 * WINDOW_S + 2)} == {"b"}
    counts.add("c", 200, 1, 9 * WINDOW_S)
    assert {one.caller for one in counts.top(9, 9 * WINDOW_S)} == {"c"}


def test_many_callers_take_no_more_memory_than_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "KEPT", 2)
    counts = CallerCounts()
    for name in ("a", "b", "c", "d", "a"):
        counts.add(name, 200, 1, 0.0)
    assert {one.caller: one.requests for one in counts.top(9, 1.0)} == {"a": 2, "b": 1, OTHERS: 2}
