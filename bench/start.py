"""First start after installation: seconds until ready, and resident memory of the whole business."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_BOUND_S = 5.0
MEMORY_BOUND_MB = 250
ROUNDS = 3


def main() -> None:
    """Start fresh platforms, take the median."""
    runs = sorted(first_start() for _ in range(ROUNDS))
    seconds, _ = runs[len(runs) // 2]
    memory = sorted(memory for _, memory in runs)[len(runs) // 2]
    print(
        f"figure first_start_s {seconds:.1f} bound <={READY_BOUND_S:.0f} {verdict(seconds <= READY_BOUND_S)}"
    )
    print(f"figure resident_mb {memory:.0f} bound <={MEMORY_BOUND_MB} {verdict(memory <= MEMORY_BOUND_MB)}")


def first_start() -> tuple[float, float]:
    """Return (seconds until ready, megabytes resident) of one fresh platform."""
    with tempfile.TemporaryDirectory(prefix="tollway-bench-") as folder:
        began = time.monotonic()
        with platform(Path(folder)) as pid:
            seconds = time.monotonic() - began
            time.sleep(2)
            memory = sum(proportional_mb(one) for one in family(pid))
    return seconds, memory


@contextmanager
def platform(data: Path) -> Iterator[int]:
    """Run a platform in a folder until the block ends; yield the id of its first process once it is ready."""
    command = [sys.executable, "-m", "tollway", "up", "--data", str(data), "--port-base", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in family(int(child)))]


def proportional_mb(pid: int) -> float:
    """Return a process's proportional resident memory: pages shared by several count once in all."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def verdict(met: bool) -> str:
    """Say whether a bound is met."""
    return "met" if met else "missed"


if __name__ == "__main__":
    main()
