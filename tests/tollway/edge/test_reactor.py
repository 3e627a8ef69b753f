"""The reactor: readiness once per change, deadlines, and failures that stay where they happened."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, cast

import pytest

from tests.kit.eventually import eventually
from tollway.edge.reactor import ERROR, FINISHED, READABLE, WRITABLE, Reactor


class Noted:
    """A watcher that notes what it is told."""

    def __init__(self, *, raising: bool = False) -> None:
        self.masks: list[int] = []
        self.failures = 0
        self.raising = raising
        self.deadline = monotonic() + 1_000
        self.expirations = 0

    def ready(self, fd: int, mask: int) -> None:
        self.masks.append(mask)
        if self.raising:
            raise RuntimeError("a bug")

    def failed(self) -> None:
        self.failures += 1

    def expired(self) -> None:
        self.expirations += 1
        self.deadline = monotonic() + 1_000


@pytest.fixture
async def reactor() -> AsyncIterator[Reactor]:
    reactor = Reactor()
    reactor.start()
    yield reactor
    reactor.stop()


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    return here, there


async def test_input_is_told_once_per_arrival(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    noted = Noted()
    reactor.watch(here, noted)
    await asyncio.sleep(0.02)
    assert noted.masks == []
    there.send(b"a")
    await eventually(lambda: noted.masks)
    await asyncio.sleep(0.02)
    assert len(noted.masks) == 1
    assert noted.masks[0] & READABLE
    assert not noted.masks[0] & (FINISHED | ERROR)
    there.send(b"b")
    await eventually(lambda: len(noted.masks) == 2)
    there.close()
    await eventually(lambda: noted.masks[-1] & FINISHED)
    here.close()


async def test_the_next_watcher_is_told_only_what_was_left_to_it(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    first, second, third = Noted(), Noted(), Noted()
    fd = reactor.watch(here, first)
    there.send(b"a")
    await eventually(lambda: first.masks)
    reactor.transfer(here, second)  # the first has heard it
    await asyncio.sleep(0.02)
    assert second.masks == []
    there.send(b"b")
    await eventually(lambda: second.masks)
    reactor.mark_pending(fd)
    reactor.transfer(here, third)
    await eventually(lambda: third.masks)
    assert third.masks[0] & READABLE
    there.close()
    here.close()


async def test_output_is_told_to_those_who_asked(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    noted = Noted()
    reactor.watch(here, noted)
    reactor.arm(here)
    await eventually(lambda: noted.masks)
    assert noted.masks[0] & WRITABLE
    here.close()
    there.close()


async def test_the_next_watcher_is_told_what_is_there_already(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    first, second = Noted(), Noted()
    reactor.watch(here, first)
    there.send(b"unread")
    await eventually(lambda: first.masks)
    reactor.transfer_and_rearm(here, second)
    await eventually(lambda: second.masks)
    assert len(first.masks) == 1
    here.close()
    there.close()


async def test_a_closed_socket_is_closed_after_the_events_and_its_watcher_left_alone(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    noted = Noted()
    fd = reactor.watch(here, noted)
    there.send(b"x")
    reactor.close(here)
    assert not reactor.is_open(here)
    assert here.fileno() == fd
    await eventually(lambda: here.fileno() == -1)
    assert noted.masks == []
    there.close()


async def test_a_watcher_that_fails_stops_nobody_else(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = pair
    bad, good = Noted(raising=True), Noted()
    reactor.watch(here, bad)
    reactor.watch(there, good)
    with caplog.at_level(logging.ERROR):
        there.send(b"x")
        here.send(b"y")
        await eventually(lambda: bad.failures and good.masks)
    assert "a connection failed in Noted" in caplog.text
    here.close()
    there.close()


async def test_deadlines_are_noticed_and_can_be_forgotten(reactor: Reactor) -> None:
    due, moved, forgotten = Noted(), Noted(), Noted()
    for timed in (due, moved, forgotten):
        timed.deadline = monotonic() + 0.1
        reactor.add_deadline(timed)
    moved.deadline += 1_000
    reactor.remove_deadline(forgotten)
    await eventually(lambda: due.expirations)
    await asyncio.sleep(0.6)
    assert (due.expirations, moved.expirations, forgotten.expirations) == (1, 0, 0)


async def test_work_put_off_is_done_soon_and_in_order(reactor: Reactor) -> None:
    done: list[int] = []
    for number in range(5):
        reactor.call_soon(lambda number=number: done.append(number))
    reactor.call_soon(cast("Any", lambda: 1 / 0))
    reactor.call_later(0.05, lambda: done.append(5))
    assert done == []
    await eventually(lambda: len(done) == 6)
    assert done == [0, 1, 2, 3, 4, 5]


async def test_nothing_timed_wakes_nobody_and_the_clock_is_right_after_it() -> None:
    seconds = 1_000.0
    reactor = Reactor(lambda: seconds)
    reactor.start()
    seconds += 3_600
    noted = Noted()
    noted.deadline = reactor.now + 0.1
    assert noted.deadline == pytest.approx(4_600.1)
    reactor.add_deadline(noted)
    seconds += 0.2
    await eventually(lambda: noted.expirations == 1)
    reactor.stop()
