"""The entrance of the command line."""

import subprocess
import sys


def test_without_assertions_nothing_starts() -> None:
    done = subprocess.run([sys.executable, "-O", "-m", "tollway", "targets"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "without -O" in done.stderr + done.stdout
    assert len((done.stderr + done.stdout).splitlines()) == 1
