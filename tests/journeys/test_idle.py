"""A platform that nobody uses: its processes are woken by what happens and by what falls due, so they sleep."""

import time
from pathlib import Path

from tests.kit.eventually import wait_until
from tests.kit.platform import platform

SPAN_S = 6.0
# In `make bench` the same is measured as CPU; a count does not depend on how busy this machine is.
MOST_WAKEUPS_A_SECOND = 60


def processes(first: int) -> list[int]:
    """Name a process and those that it started."""
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *map(int, children)]


def wakeups(pids: list[int]) -> int:
    """Count how often a thread of these processes has waited and was woken."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(task.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for task in tasks)


def test_a_platform_that_nobody_uses_sleeps(tmp_path: Path) -> None:
    with platform(tmp_path / "d") as running:
        pids = processes(running.process.pid)
        assert len(pids) == 3, "the supervisor, the business and one edge"

        def rate() -> float:
            before, began = wakeups(pids), time.monotonic()
            time.sleep(SPAN_S)
            return (wakeups(pids) - before) / (time.monotonic() - began)

        # What starting left behind is done in the first seconds.
        wait_until(lambda: rate() <= MOST_WAKEUPS_A_SECOND, timeout_s=60)
