"""Trying again: how long to wait, and how loudly to say so."""

import asyncio
import logging
import time

import pytest

from tollway.edge.backoff import RepeatedWarning, RetryDelay


async def test_each_wait_is_longer_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(delay_s: float) -> None:
        waits.append(delay_s)

    monkeypatch.setattr(asyncio, "sleep", note)
    trying = RetryDelay(first_s=1.0, most_s=5.0)
    for most in (1, 2, 4, 5, 5):
        await trying.sleep()
        assert most / 2 <= waits[-1] <= most


def test_a_failure_is_a_remark_at_first_and_then_a_warning_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([100.0, 100.0, 107.9, 108.1, 109.0, 168.0, 168.2])  # the first is when it begins
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    warning = RepeatedWarning(quiet_s=8.0)
    loud = [warning.level() == logging.WARNING for _ in range(6)]
    assert loud == [False, False, True, False, False, True]
