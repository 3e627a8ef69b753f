"""A mock in a thread for all tests of a module, emptied before each; and the SDK's client for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.databases import TWINS
from tests.kit.payments import MockInThread


@pytest.fixture(scope="module", params=TWINS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MockInThread]:
    folder: Path = tmp_path_factory.mktemp("mock")
    with MockInThread(request.param, folder) as mock:
        yield mock


@pytest.fixture
def mock(served: MockInThread) -> MockInThread:
    served.reset()
    return served


@pytest.fixture
def client(mock: MockInThread) -> Any:
    return mock.client()
