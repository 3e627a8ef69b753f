"""What pages show does not depend on the database: one kind is enough here."""

from collections.abc import Iterator

import pytest

from tests.kit.payments import MockInThread


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockInThread]:
    with MockInThread("sqlite", tmp_path_factory.mktemp("mock")) as mock:
        yield mock
