"""A tokens service on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.tokens import tokens_service, verifier_of
from tollway.fabric.access_tokens import Verifier
from tollway.fabric.db import Database
from tollway.services.tokens.service import Tokens


@pytest.fixture
async def db(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database(kind, tmp_path, clock, service_migrations("tokens"), "tokens") as db:
        yield db


@pytest.fixture
def service(db: Database, clock: FakeClock) -> Tokens:
    return tokens_service(db, clock)


@pytest.fixture
def verifier(service: Tokens, clock: FakeClock) -> Verifier:
    return verifier_of(service, clock)
