"""Why a flow ended: the terminate causes of RFC 2866, section 5.10, and Quota."""

from enum import IntEnum


class Cause(IntEnum):
    """One cause; the number is what the meter book keeps."""

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
    def label(self) -> str:
        """The name in reports, e.g. `User-Request`."""
        return _LABELS[self]


_LABELS = {
    Cause.USER_REQUEST: "User-Request",
    Cause.LOST_CARRIER: "Lost-Carrier",
    Cause.IDLE_TIMEOUT: "Idle-Timeout",
    Cause.SESSION_TIMEOUT: "Session-Timeout",
    Cause.ADMIN_RESET: "Admin-Reset",
    Cause.NAS_REBOOT: "NAS-Reboot",
    Cause.NAS_ERROR: "NAS-Error",
    Cause.QUOTA: "Quota",
}
