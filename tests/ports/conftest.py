"""What every implementation of a port has to do is tried on each of them, always."""

import pytest

from tests.kit.databases import KINDS, Kind


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which engine."""
    return request.param
