"""A ledger on each engine; whatever a test did to it, at the end its books must hold."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.books import Books, books
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind


@pytest.fixture
async def context(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Books]:
    async with books(kind, tmp_path, clock) as made:
        yield made
        await made.holds_true()
