"""Locks the dependencies with hashes and without any index's address.

python tools/lock.py        writes requirements/*.txt from pyproject.toml
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"),
    *("--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
]


def main() -> None:
    """Lock what runs first, then what tests on top of exactly that."""
    run, dev = "requirements/run.txt", "requirements/dev.txt"
    project = [*COMPILE, "pyproject.toml"]
    project += ["--extra", "build"]
    subprocess.run([*project, "-o", run], cwd=ROOT, check=True)
    subprocess.run([*project, "--extra", "dev", "-c", run, "-o", dev], cwd=ROOT, check=True)
    subprocess.run(
        [*project, "--extra", "console", "-c", run, "-o", "requirements/console.txt"], cwd=ROOT, check=True
    )
    # The generators of API clients need versions that the project does not; they have an environment of their own.
    clients = ROOT / "tests" / "clients"
    subprocess.run([*COMPILE, "requirements.in", "-o", "requirements.txt"], cwd=clients, check=True)


if __name__ == "__main__":
    main()
