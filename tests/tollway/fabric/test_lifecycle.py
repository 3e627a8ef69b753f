"""A process starts in order, stops in reverse, and one failure stops all."""

import pytest

from tollway.fabric.lifecycle import Lifecycle, StartFailed


class Piece:
    def __init__(self, name: str, log: list[str], *, fails: bool = False, clings: bool = False) -> None:
        self.name, self.log, self.fails, self.clings = name, log, fails, clings

    async def start(self) -> None:
        if self.fails:
            raise OSError("port 8000 is taken; choose another with --port-base")
        self.log.append(f"+{self.name}")

    async def stop(self) -> None:
        self.log.append(f"-{self.name}")
        if self.clings:
            raise RuntimeError


async def test_parts_start_after_what_they_need_and_stop_before_it() -> None:
    log: list[str] = []
    life = Lifecycle()
    life.add("gateway", Piece("gateway", log), after=["ledger", "orders"])
    life.add("orders", Piece("orders", log), after=["ledger"])
    life.add("ledger", Piece("ledger", log))
    assert not life.ready
    await life.start()
    assert life.ready
    await life.stop()
    assert not life.ready
    assert log == ["+ledger", "+orders", "+gateway", "-gateway", "-orders", "-ledger"]


async def test_one_failed_part_stops_all_and_says_why() -> None:
    log: list[str] = []
    life = Lifecycle()
    life.add("ledger", Piece("ledger", log))
    life.add("gateway", Piece("gateway", log, fails=True), after=["ledger"])
    with pytest.raises(StartFailed, match=r"gateway: port 8000 is taken"):
        await life.start()
    assert log == ["+ledger", "-gateway", "-ledger"]
    assert life.states == {"ledger": "stopped", "gateway": "failed"}


async def test_a_part_that_clings_does_not_keep_the_others() -> None:
    log: list[str] = []
    life = Lifecycle()
    life.add("a", Piece("a", log))
    life.add("b", Piece("b", log, clings=True), after=["a"])
    await life.start()
    await life.stop()
    assert log[-1] == "-a"


async def test_parts_that_wait_for_each_other_are_refused() -> None:
    life = Lifecycle()
    life.add("a", Piece("a", []), after=["b"])
    life.add("b", Piece("b", []), after=["a"])
    with pytest.raises(AssertionError, match="wait for each other"):
        await life.start()
