"""A users service on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.typing import partial
from tollway.services.users.service import Users


@pytest.fixture
async def service(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Users]:
    async with database(kind, tmp_path, clock, service_migrations("users"), "users") as db:
        yield partial(Users, db)
