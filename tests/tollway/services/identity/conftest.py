"""Identity and its neighbours, on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.identity import World, world


@pytest.fixture
async def town(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    async with world(kind, tmp_path, clock) as made:
        yield made
