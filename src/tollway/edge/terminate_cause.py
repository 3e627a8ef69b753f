"""Why a flow ended: the terminate causes of RFC 2866, section 5.10, and Quota."""

from enum import IntEnum
from typing import get_args

from tollway.contracts.terminate_causes import TerminateCauseName


class TerminateCause(IntEnum):
    """One cause; the number is what the meter file keeps."""

    USER_REQUEST = 1
    """The customer ended it: closed the connection, or disconnected the access."""
    LOST_CARRIER = 2
    IDLE_TIMEOUT = 3
    SESSION_TIMEOUT = 4
    ADMIN_RESET = 5
    """The access, its credential or the customer's account was stopped."""
    NAS_REBOOT = 6
    NAS_ERROR = 7
    QUOTA = 8
    """Nothing is left of what the customer holds."""

    @property
    def label(self) -> TerminateCauseName:
        """The name in reports, e.g. `User-Request`."""
        return _NAMES[self - 1]


_NAMES: tuple[TerminateCauseName, ...] = get_args(TerminateCauseName)
