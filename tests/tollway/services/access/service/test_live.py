"""Live usage: what a reader is shown, and when."""

from collections.abc import AsyncGenerator

from tollway.services.access.service.live import HEARTBEAT_S, LOOK_EVERY_S, follow
from tollway.services.access.service.usage import Stats
from tollway.services.access.store.usage import Total


def used(octets: int) -> Stats:
    total = Total("", octets, 0, 1, 1)
    return Stats(total, total, total, [], 1)


class Books:
    """Sums that a test changes, and a clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.octets = 0
        self.now_s = 0.0
        self.after_s: dict[float, int] = {}

    async def stats(self, user_id: str) -> Stats:
        assert user_id == "usr_1"
        return used(self.octets)

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.octets = self.after_s.get(self.now_s, self.octets)

    def follow(self) -> AsyncGenerator[Stats | None]:
        return follow(self, "usr_1", self.sleep, lambda: self.now_s)


async def test_the_sums_come_at_once_and_then_whenever_they_change() -> None:
    books = Books()
    books.after_s = {2 * LOOK_EVERY_S: 7, 3 * LOOK_EVERY_S: 9}
    updates = books.follow()
    assert [await anext(updates) for _ in range(3)] == [used(0), used(7), used(9)]
    assert books.now_s == 3 * LOOK_EVERY_S


async def test_a_slow_reader_gets_the_newest_sums_only() -> None:
    books = Books()
    updates = books.follow()
    await anext(updates)
    for octets in range(100):
        books.octets = octets
    assert await anext(updates) == used(99)


async def test_quiet_is_told_from_broken_by_heartbeats() -> None:
    books = Books()
    updates = books.follow()
    await anext(updates)
    assert [await anext(updates) for _ in range(2)] == [None, None]
    assert books.now_s == 2 * HEARTBEAT_S
