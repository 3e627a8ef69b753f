"""Runs every benchmark beside its peer and writes docs/benchmarks.md.

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
    "start",
    "idle_platform",
)
LINE = re.compile(r"^(ratio|figure) (\S+) (\S+) bound (.+) (met|missed)$")
TIMEOUT_S = 900
PAGE = ROOT / "docs" / "benchmarks.md"
NOTES = """## How to read it

- The edge runs with everything on: login, meter book, leases, policy, reports, a log line per flow. squid checks
  the same password, refuses the same ports and networks, and writes its access log; haproxy only relays.
- Relay, tunnels and plain HTTP run in a network namespace with cubic when root runs them, else on the host's
  loopback (each prints which). Where a host paces loopback (BBR), the kernel's timers are most of every proxy's
  cost and the ratios say little.
- pgbench runs its tpcb-like script with 8 clients on the same server; a transfer here writes its key, two counted
  accounts, a head, a leg, an announcement, and is answered after the commit. What bounds it is written down in
  [decision 8](decisions/0008-one-writer-holds-the-pen.md).
- Memory is proportional (PSS): pages that several processes share count once in all.
"""


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
        PAGE.write_text(page(results, broken))
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


def page(results: list[re.Match[str]], broken: list[str]) -> str:
    """Draw the table with date and machine."""
    rows = [f"| {m[2].replace('_', ' ')} | {m[3]} | {m[4]} | {m[5]} |" for m in results]
    rows += [f"| {name} | could not be measured | | |" for name in broken]
    cores, memory = os.cpu_count(), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Measured {datetime.date.today()} by `make bench` on {cores} shared cores, {memory} GiB, "
            f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}.",
            "Peers run in the same run, interleaved. CPU figures are user + system time of the whole process tree.",
            "A ratio compares us with the peer; `missed` is written down as missed.",
            "",
            "| what | measured | bound | |",
            "|---|---|---|---|",
            *rows,
            "",
            NOTES,
        ]
    )


if __name__ == "__main__":
    main()
