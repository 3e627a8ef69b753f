"""Making the virtual environment: a Python without venv, an interrupted try, a Python that is too old."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parent.parent.parent / "tools" / "venv.sh"


def make(folder: Path, *python: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT), str(folder), *python], capture_output=True, text=True, env={"PATH": path}
    )


def stub(folder: Path, body: str) -> str:
    path = folder / "stub-python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("left_behind", ["nothing", "an empty folder", "no pip"])
def test_an_interrupted_try_heals(tmp_path: Path, left_behind: str) -> None:
    venv = tmp_path / "venv"
    if left_behind != "nothing":
        (venv / "bin").mkdir(parents=True)
    if left_behind == "no pip":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    made = make(venv, sys.executable)
    assert made.returncode == 0, made.stderr
    assert subprocess.run([venv / "bin" / "python", "-m", "pip", "--version"], check=False).returncode == 0
    again = make(venv, sys.executable)
    assert (again.returncode, again.stdout) == (0, "")


def test_a_python_without_venv_is_said_and_the_next_try_works(tmp_path: Path) -> None:
    """Debian without python3-venv leaves a folder without pip behind."""
    venv = tmp_path / "venv"
    without = stub(
        tmp_path,
        f'case "$*" in "-m venv"*) {sys.executable} -m venv --without-pip "$3"; echo "ensurepip is not available"; '
        f'exit 1;; *) exec {sys.executable} "$@";; esac',
    )
    refused = make(venv, without)
    assert refused.returncode == 1
    assert "apt install python3-venv" in refused.stderr
    assert not venv.exists()
    assert make(venv, sys.executable).returncode == 0


def test_a_machine_without_a_fitting_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("rm", "tail"):
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    old = stub(tmp_path, "exit 1")
    refused = subprocess.run(
        ["/bin/sh", str(SCRIPT), str(tmp_path / "venv"), old],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path / "bin")},
    )
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "Python 3.11 to 3.14 is needed" in refused.stderr
