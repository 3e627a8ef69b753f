"""Holds the part of the code that tests reach: it never goes down.

python tools/coverage_floor.py      reads .coverage, compares with tests/coverage.txt, and raises the figure there
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOOR = ROOT / "tests" / "coverage.txt"
STEP = 0.5  # a rise by less is left alone, so that the file changes rarely


def main() -> int:
    """Return 0 when the covered percentage is at the floor or above it."""
    report = ROOT / "build" / "coverage.json"
    report.parent.mkdir(exist_ok=True)
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "json", "--quiet", "-o", str(report)], cwd=ROOT, check=True)
    found = float(json.loads(report.read_text())["totals"]["percent_covered"])
    message, floor = verdict(found, float(FLOOR.read_text()))
    print(message)
    if floor is None:
        return 1
    FLOOR.write_text(f"{floor:.1f}\n")
    return 0


def verdict(found: float, floor: float) -> tuple[str, float | None]:
    """Return what to say, and the floor from now on; None when too little is covered."""
    if found < floor:
        return f"{found:.1f} % of the code is covered and {floor:.1f} % is the least; test what is new", None
    if found >= floor + STEP:
        return f"{found:.1f} % of the code is covered; tests/coverage.txt rises from {floor:.1f}", int(
            found * 10
        ) / 10
    return f"{found:.1f} % of the code is covered; {floor:.1f} % is the least", floor


if __name__ == "__main__":
    sys.exit(main())
