"""An access that takes every kind of credential."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.credentials import CredentialStage, credential_stage


@pytest.fixture
async def node(tmp_path: Path, clock: FakeClock) -> AsyncIterator[CredentialStage]:
    """Access as a node and a customer reach it."""
    async with credential_stage(tmp_path, clock) as one:
        yield one
