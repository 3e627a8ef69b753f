"""A stage on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.metering import Stage, stage


@pytest.fixture
async def here(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Stage]:
    """Access with its neighbours, once on each engine."""
    async with stage(kind, tmp_path, clock) as one:
        yield one


@pytest.fixture
async def simple(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Stage]:
    """Access with its neighbours on SQLite alone, where the engine makes no difference."""
    async with stage("sqlite", tmp_path, clock) as one:
        yield one
