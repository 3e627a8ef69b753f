"""A tokens room on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, room_migrations
from tests.kit.tokens import tokens_room, verifier_of
from tollway.fabric.bearer import Verifier
from tollway.fabric.db import Database
from tollway.services.tokens.service import Tokens


@pytest.fixture
async def db(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database(kind, tmp_path, clock, room_migrations("tokens"), "tokens") as db:
        yield db


@pytest.fixture
def room(db: Database, clock: FakeClock) -> Tokens:
    return tokens_room(db, clock)


@pytest.fixture
def verifier(room: Tokens, clock: FakeClock) -> Verifier:
    return verifier_of(room, clock)
