"""Fixtures that most tests want: a still clock, and a database of each kind."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.kit.clock import FakeClock
from tests.kit.databases import TWINS, Kind, database, stop_postgres
from tests.kit.service_api import TRANSPORTS, Transport
from tollway.fabric.db import Database
from tollway.fabric.rpc.channel import UnaryCall

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("tollway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tollway")
# The same holds for calls between services; a test of a deadline names it.
_defaults = UnaryCall.__call__.__kwdefaults__
assert _defaults is not None
_defaults["timeout"] = 60.0


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the heads that platforms note outside their data out of the home of whoever runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    stop_postgres()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=TWINS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which engine: a test that takes this runs once on each, with PostgreSQL among the slow ones."""
    return request.param


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    """How a service API is reached: a test that takes this runs once in process and once over gRPC."""
    return request.param


@pytest.fixture
async def plain_db(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    """A database with the plumbing tables only, on each engine."""
    async with database(kind, tmp_path, clock) as db:
        yield db
