"""The access service with fakes around it, on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.metering import AccessSetup, access_setup


@pytest.fixture
async def here(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[AccessSetup]:
    """Access with its neighbours, once on each engine."""
    async with access_setup(kind, tmp_path, clock) as one:
        yield one


@pytest.fixture
async def simple(tmp_path: Path, clock: FakeClock) -> AsyncIterator[AccessSetup]:
    """Access with its neighbours on SQLite alone, where the engine makes no difference."""
    async with access_setup("sqlite", tmp_path, clock) as one:
        yield one
