"""The payments service on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.payments import RunningPayments, running_payments


@pytest.fixture
async def payments(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[RunningPayments]:
    async with running_payments(kind, tmp_path, clock) as opened:
        yield opened
