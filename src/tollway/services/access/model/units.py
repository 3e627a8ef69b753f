"""Units: what is charged for, and how much of it a flow has used.

Bytes are the octets of both directions. Seconds are those for which a session is open; a second that has begun
counts whole, as a minute does on a telephone bill. Both only grow, so reports stay cumulative.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from tollway.kit.times import SECOND_US
from tollway.services.access.model import FlowRecord


class Unit(StrEnum):
    """What an asset is counted in, in the catalogue's words."""

    BYTE = "byte"
    SECOND = "second"


def _seconds(flow: FlowRecord) -> int:
    return -(-flow.session_time_us // SECOND_US)


_USED: Mapping[Unit, Callable[[FlowRecord], int]] = {
    Unit.BYTE: lambda flow: flow.octets,
    Unit.SECOND: _seconds,
}


def used_units(flow: FlowRecord, unit: Unit) -> int:
    """Return what a flow has used since it began: the figure that the ledger gets."""
    return _USED[unit](flow)
