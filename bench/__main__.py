"""Runs every benchmark beside its peer and writes the table of docs/benchmarks.md; the rest of the page stays.

    make bench                      everything
    make bench ARGS="relay ledger"  some

A benchmark is a module with `main()` that prints lines such as
`ratio relay_cpu_vs_haproxy 0.97 bound <=1.1 met`. What is missed is written down as missed.
"""

import argparse
import datetime
import os
import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALL = (
    "relay",
    "tunnels",
    "plain_http",
    "idle",
    "gateway",
    "ledger",
    "ledger_callers",
    "overspend",
    "cut_off",
    "start",
    "idle_platform",
    "live_sockets",
)
LINE = re.compile(r"^(ratio|figure) (\S+) (\S+) bound (.+) (met|missed)$")
TIMEOUT_S = 900
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main() -> None:
    """Run what was asked for; exit 1 when a benchmark could not be run."""
    parser = argparse.ArgumentParser(
        "bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("name", nargs="*", help=f"which to run; without one all: {', '.join(ALL)}")
    wanted: list[str] = parser.parse_args().name or list(ALL)
    if unknown := sorted(set(wanted) - set(ALL)):
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(ALL)}")
    results: list[re.Match[str]] = []
    broken: list[str] = []
    for name in wanted:
        print(f"# {name}", flush=True)
        lines, code = run(name)
        results += [match for line in lines if (match := LINE.match(line))]
        if code:
            broken.append(name)
    if set(wanted) == set(ALL):
        PAGE.write_text(renewed(PAGE.read_text(), table(results, broken)))
        print(f"# written to {PAGE.relative_to(ROOT)}")
    if broken:
        raise SystemExit(f"bench: could not be measured: {', '.join(broken)}")


def run(name: str) -> tuple[list[str], int]:
    """Run one benchmark in a process of its own, showing its lines as they come."""
    command = [sys.executable, "-m", f"bench.{name}"]
    lines: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line.strip())
            return lines, process.wait(TIMEOUT_S)
        except BaseException:
            # Whoever reads our output left, or somebody pressed Ctrl-C: the benchmark ends the servers that it started.
            process.send_signal(signal.SIGINT)
            raise


def renewed(page: str, measured: str) -> str:
    """Put what was measured into the page, between its two marks. What people have written around them stays."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"{PAGE.name} lacks {BEGIN} or {END}"
    return f"{before}{BEGIN}\n{measured}\n{END}{after}"


def table(results: list[re.Match[str]], broken: list[str]) -> str:
    """Draw the table with date and machine."""
    rows = [f"| {m[2].replace('_', ' ')} | {m[3]} | {m[4]} | {m[5]} |" for m in results]
    rows += [f"| {name} | could not be measured | | |" for name in broken]
    cores, memory = os.cpu_count(), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    return "\n".join(
        [
            f"Measured {datetime.date.today()} by `make bench` on {cores} shared cores, {memory} GiB, "
            f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}.",
            "",
            "| what | measured | bound | |",
            "|---|---|---|---|",
            *rows,
        ]
    )


if __name__ == "__main__":
    main()
