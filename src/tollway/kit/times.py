"""Points in time are integers: microseconds since the Unix epoch, UTC (`at_us`). Text is RFC 3339."""

from datetime import UTC, datetime
from functools import cache
from math import inf
from zoneinfo import available_timezones

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


def to_rfc3339(at_us: int) -> str:
    """Render a point in time, e.g. `2026-11-22T01:40:20.000123Z`."""
    moment = datetime.fromtimestamp(at_us // SECOND_US, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_us % SECOND_US:06d}Z"


def from_rfc3339(text: str) -> int:
    """Parse a point in time. Raises ValueError when the text has no time zone or is not RFC 3339."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as {text}Z or with an offset")
    whole = moment.astimezone(UTC).replace(microsecond=0)
    return int(whole.timestamp()) * SECOND_US + moment.microsecond


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the time zones (IANA) that mean the same on every machine.

    Reading them takes long, so it is done once.
    """
    return frozenset(available_timezones() - {"localtime", "Factory"})


def seconds_until(at_us: int | None, now_us: int) -> float:
    """Return the seconds from now until a moment: 0 when it has passed, infinity when there is none."""
    return inf if at_us is None else max(at_us - now_us, 0) / SECOND_US
