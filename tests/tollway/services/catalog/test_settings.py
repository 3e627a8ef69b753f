"""A curve that could give things away, or jump, is refused at start."""

import pytest
from pydantic import ValidationError

from tests.kit.typing import settings_of
from tollway.services.catalog.settings import CatalogSettings

M = 1_000_000


@pytest.mark.parametrize(
    ("curve", "says"),
    [
        ((), "start at 0"),
        (((1, M), (M, M)), "start at 0"),
        (((0, M), (999_999, M)), "end at 1000000"),
        (((0, M), (0, 2 * M), (M, 2 * M)), "must go up"),
        (((0, 2 * M), (M, M)), "must go up"),
        (((0, 0), (M, M)), "factor above 0"),
        (((0, -1), (M, M)), "greater than or equal to 0"),
    ],
)
def test_a_bad_curve_is_refused_with_the_reason(curve: tuple[tuple[int, int], ...], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        settings_of(CatalogSettings, scarcity_curve=curve)


def test_the_defaults_are_good() -> None:
    settings_of(CatalogSettings)
