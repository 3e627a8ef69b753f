"""The floor of the coverage: less is refused, more raises it by steps, and it never goes down."""

import pytest

from tools.coverage_floor import verdict


@pytest.mark.parametrize(
    ("found", "floor", "now"),
    [(79.9, 80.0, None), (80.0, 80.0, 80.0), (80.4, 80.0, 80.0), (80.56, 80.0, 80.5), (91.0, 80.0, 91.0)],
)
def test_the_floor_only_rises(found: float, floor: float, now: float | None) -> None:
    message, after = verdict(found, floor)
    assert after == now
    assert f"{found:.1f} %" in message
