"""Locks the dependencies with hashes and without any index's address.

python tools/lock.py        writes requirements/*.txt from pyproject.toml
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "pyproject.toml", "--quiet"),
    *("--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
]


def main() -> None:
    """Lock what runs first, then what tests on top of exactly that."""
    run, dev = "requirements/run.txt", "requirements/dev.txt"
    subprocess.run([*COMPILE, "-o", run], cwd=ROOT, check=True)
    subprocess.run([*COMPILE, "--extra", "dev", "-c", run, "-o", dev], cwd=ROOT, check=True)
    subprocess.run(
        [*COMPILE, "--extra", "console", "-c", run, "-o", "requirements/console.txt"], cwd=ROOT, check=True
    )


if __name__ == "__main__":
    main()
