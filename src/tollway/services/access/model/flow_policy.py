"""A customer's own rules for the flows of an access: what nodes refuse beside what the operator refuses."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self
from zoneinfo import ZoneInfo

from tollway.kit.errors import Invalid
from tollway.kit.times import time_zones

MAX_DOMAINS = 500
MAX_PORTS = 100
MAX_WINDOWS = 50
_DAY_MINUTES = 24 * 60
_LABEL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Minutes [start, end) of a weekday (ISO 8601: 1 is Monday) in local time."""

    weekday: int
    start_minute: int
    end_minute: int

    def __post_init__(self) -> None:
        if not (1 <= self.weekday <= 7 and 0 <= self.start_minute < self.end_minute <= _DAY_MINUTES):
            raise Invalid.of(
                "schedule",
                "a window is a weekday from 1 to 7 and minutes from 0 to 1440, its end after its start",
            )


@dataclass(frozen=True, slots=True)
class FlowPolicy:
    """Domains (with all below them), ports, and when flows may run; no windows: always."""

    blocked_domains: tuple[str, ...] = ()
    blocked_ports: tuple[int, ...] = ()
    time_zone: str = "UTC"
    windows: tuple[Window, ...] = field(default=())

    @classmethod
    def checked(
        cls,
        blocked_domains: Iterable[str],
        blocked_ports: Iterable[int],
        time_zone: str = "UTC",
        windows: Iterable[Window] = (),
    ) -> Self:
        """Bring a customer's words into one form, sorted and without repeats. Raises Invalid."""
        domains = tuple(sorted({normal_domain(one) for one in blocked_domains}))
        ports = tuple(sorted(set(blocked_ports)))
        ordered = tuple(sorted(set(windows)))
        for name, given, most in (
            ("blocked_domains", domains, MAX_DOMAINS),
            ("blocked_ports", ports, MAX_PORTS),
            ("schedule", ordered, MAX_WINDOWS),
        ):
            if len(given) > most:
                raise Invalid.of(name, f"has {len(given)} entries; {most} are the most")
        if any(not 1 <= port <= 65_535 for port in ports):
            raise Invalid.of("blocked_ports", "a port is a number from 1 to 65535")
        if time_zone not in time_zones():
            raise Invalid.of("schedule", "time_zone must be a name such as Europe/Berlin or UTC")
        assert ZoneInfo(time_zone), "a zone that is available can be read"
        return cls(domains, ports, time_zone, ordered)


def normal_domain(text: str) -> str:
    """Return a domain in lower case, as A-labels (RFC 5890), without a trailing dot. Raises Invalid."""
    name = text.strip().rstrip(".").lower()
    try:
        name = name.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(name) > 253 or not all(0 < len(one) <= 63 and _LABEL_CHARACTERS.issuperset(one) for one in labels):
        raise Invalid.of("blocked_domains", f"{text[:100]!r} is not a domain such as example.com")
    return name
