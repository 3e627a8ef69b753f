"""Output fits every encoding."""

import subprocess
import sys

PROGRAM = """
from tollway.kit.output import substitute_missing_characters
import sys
substitute_missing_characters()
print("starting …")
print("ü", file=sys.stderr)
"""


def test_a_character_that_the_encoding_lacks_is_substituted() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"starting ?\n", b"?\n")
