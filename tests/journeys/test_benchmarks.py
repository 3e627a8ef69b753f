"""The benchmarks run to their end, so that a figure can be taken at any time; what they measure is not judged here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINE = re.compile(r"^(ratio|figure) \S+ \S+ bound .+ (met|missed)$", re.MULTILINE)
# Which programs each needs beside it.
QUICK = {
    "relay": ("haproxy", "squid"),
    "tunnels": ("squid",),
    "plain_http": ("squid",),
    "idle": ("squid",),
    "gateway": ("haproxy", "wrk"),
    "ledger": (),
    "ledger_callers": (),
    "idle_platform": (),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(QUICK))
def test_a_short_round_of_a_benchmark_gives_its_figures(name: str) -> None:
    for program in QUICK[name]:
        if shutil.which(program, path="/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin") is None:
            pytest.skip(f"{program} is not installed")

    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert LINE.search(done.stdout), done.stdout
