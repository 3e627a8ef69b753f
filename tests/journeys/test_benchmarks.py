"""The benchmarks run to their end, so that a figure can be taken at any time; what they measure is not judged here."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.__main__ import LINE as RESULT
from bench.__main__ import PAGE, renewed, table

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
    "cut_off": (),
    "idle_platform": (),
    "live_sockets": (),
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


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with room for the path of a socket: else PostgreSQL's package makes another folder for that."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command",
    [("bench", "ledger"), ("bench.ledger_callers", "--quick"), ("bench.ledger", "--quick")],
    ids=" ".join,
)
def test_when_nobody_reads_on_a_benchmark_ends_with_all_that_it_started(
    short_path: Path, command: tuple[str, ...]
) -> None:
    """As with `| head -1`: the servers of a benchmark, PostgreSQL among them, end and leave no files behind."""
    environment = {**os.environ, "TMPDIR": str(short_path), "PYTHONUNBUFFERED": "1"}
    arguments = [sys.executable, "-m", *command]
    with subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if command[0] == "bench":  # that was its title; something has to run that could be left
            deadline = time.monotonic() + 60
            while not _processes_of(short_path) and time.monotonic() < deadline:
                time.sleep(0.1)
        process.stdout.close()
        process.wait(250)
    assert _processes_of(short_path) == []
    assert [path for path in short_path.iterdir() if path.is_dir()] == []


def _processes_of(folder: Path) -> list[str]:
    """Return the command lines that name a folder."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and str(folder) in (line := (entry / "cmdline").read_text()):
                found.append(line.replace("\0", " "))
    return found


def test_a_whole_run_renews_the_table_and_keeps_what_people_have_written() -> None:
    page = PAGE.read_text()
    result = RESULT.match("ratio relay_cpu_vs_haproxy 1.05 bound <=1.1 met")
    assert result is not None
    fresh = renewed(page, table([result], ["idle"]))
    assert "| relay cpu vs haproxy | 1.05 | <=1.1 | met |" in fresh
    assert "| idle | could not be measured | | |" in fresh
    old, new = page.splitlines(), fresh.splitlines()
    begin = old.index("<!-- measured: begin -->")
    assert new[: begin + 1] == old[: begin + 1]
    assert new[new.index("<!-- measured: end -->") :] == old[old.index("<!-- measured: end -->") :]
    assert len(old) - old.index("<!-- measured: end -->") > 20
    assert renewed(fresh, "| only this |").count("| only this |") == 1
