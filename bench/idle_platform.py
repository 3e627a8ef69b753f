"""An idle platform: the CPU of all its processes, of one core, while nobody is connected and nothing happens.

python -m bench.idle_platform            three minutes: it settles for a minute, then two are measured
python -m bench.idle_platform --quick    10 s and 20 s
"""

import sys
import tempfile
import time
from pathlib import Path

from bench import peers
from bench.start import family, platform, proportional_mb

BOUND = "<=1"


def main() -> None:
    """Start a platform, leave it alone, read what it used."""
    settle_s, span_s = (10, 20) if "--quick" in sys.argv else (60, 120)
    with tempfile.TemporaryDirectory(prefix="tollway-bench-") as folder, platform(Path(folder)) as pid:
        time.sleep(settle_s)
        processes = family(pid)
        before, began = {one: peers.cpu_s(one) for one in processes}, time.monotonic()
        switched = sum(map(switches, processes))
        time.sleep(span_s)
        took_s = time.monotonic() - began
        used_s = sum(peers.cpu_s(one) - before[one] for one in processes)
        rate = (sum(map(switches, processes)) - switched) / took_s
        memory = sum(map(proportional_mb, processes))
    print(f"{len(processes)} processes, {rate:.0f} wake-ups a second, {memory:.0f} MB")
    print(peers.ratio_line("idle_platform_cpu_percent", used_s / took_s * 100, BOUND, "figure"))


def switches(pid: int) -> int:
    """Return how often the threads of a process have waited and were woken."""
    tasks = Path(f"/proc/{pid}/task").glob("*/status")
    return sum(int(task.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for task in tasks)


if __name__ == "__main__":
    main()
