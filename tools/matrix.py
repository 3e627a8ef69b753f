"""Runs the quick tests with every supported Python that this machine has.

python tools/matrix.py              each Python in a virtual environment of its own, below build/matrix
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
QUICK = [f"tests/tollway/{part}" for part in ("kit", "wire", "fabric", "topology", "cli", "edge", "gateway")]


def main() -> int:
    """Return 0 when the tests pass with each Python that was found."""
    failed: list[str] = []
    for version in VERSIONS:
        python = find(version)
        if python is None:
            print(f"python {version}: not on this machine, left out")
            continue
        print(f"python {version}: {python}", flush=True)
        if not passes(version, python):
            failed.append(version)
    print("failed: " + ", ".join(failed) if failed else "every Python that is here passes")
    return 1 if failed else 0


def find(version: str) -> str | None:
    """Return a working interpreter: on the path, or among those of pyenv."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in (shutil.which(f"python{version}"), *map(str, installed)):
        if candidate and subprocess.run([candidate, "-V"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def passes(version: str, python: str) -> bool:
    """Install the locked libraries and run the tests."""
    folder = ROOT / "build" / "matrix" / version
    own = str(folder / "bin" / "python")
    pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps = (
        ["sh", "tools/venv.sh", str(folder), python],
        [*pip, "--require-hashes", "-r", "requirements/dev.txt"],
        [*pip, "--no-deps", "--no-build-isolation", "-e", "."],
        [own, "-m", "pytest", "-q", "-m", "not slow", *QUICK],
    )
    return all(subprocess.run(step, cwd=ROOT, check=False).returncode == 0 for step in steps)


if __name__ == "__main__":
    sys.exit(main())
