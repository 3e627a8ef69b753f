"""The limit of open files: raised as far as the hard limit allows."""

import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from tollway.kit.descriptors import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard"), [(256, 4_096), (1_024, 1_024), (64, 64)])
def test_the_soft_limit_becomes_the_hard_one(soft: int, hard: int):
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= hard
    program = PROGRAM.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(hard)] * 3
