"""A till on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.payments import Till, till


@pytest.fixture
async def shop(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Till]:
    async with till(kind, tmp_path, clock) as opened:
        yield opened
