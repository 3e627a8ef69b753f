"""The customer's own rules, from the grant: blocked domains and ports, and when the access may be used at all."""

import contextlib
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tollway.contracts.access_pb2 import Grant, Schedule


class OpeningHours:
    """Weekly windows in a time zone; a zone that is not known here is read as UTC."""

    __slots__ = ("_windows", "_zone")

    def __init__(self, schedule: Schedule) -> None:
        self._windows = [(each.weekday, each.start_minute, each.end_minute) for each in schedule.windows]
        self._zone: tzinfo = UTC
        with contextlib.suppress(ZoneInfoNotFoundError, ValueError):
            self._zone = ZoneInfo(schedule.time_zone or "UTC")

    def contains(self, now_us: int) -> bool:
        """Return whether a moment is in any of the windows."""
        now = datetime.fromtimestamp(now_us / 1_000_000, self._zone)
        day, minute = now.isoweekday(), now.hour * 60 + now.minute
        return any(on == day and start <= minute < end for on, start, end in self._windows)


class CustomerRules(NamedTuple):
    """A grant's policy, made ready to be asked about every request."""

    blocked_domains: frozenset[str]
    blocked_ports: frozenset[int]
    hours: OpeningHours | None


def customer_rules(grant: Grant) -> CustomerRules | None:
    """Read the customer's rules; None when there are none, as for most."""
    if not grant.HasField("policy"):
        return None
    policy = grant.policy
    hours = OpeningHours(policy.schedule) if policy.HasField("schedule") else None
    return CustomerRules(frozenset(policy.blocked_domains), frozenset(policy.blocked_ports), hours)
