"""Identity and its neighbours, on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.identity import IdentityFixture, identity_fixture


@pytest.fixture
async def identity(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[IdentityFixture]:
    async with identity_fixture(kind, tmp_path, clock) as made:
        yield made
