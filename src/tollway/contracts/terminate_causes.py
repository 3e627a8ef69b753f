"""Why a flow ended, in the words of reports and records: Acct-Terminate-Cause of RFC 2866, section 5.10, and Quota."""

from typing import Literal, get_args

TerminateCauseName = Literal[
    "User-Request",
    "Lost-Carrier",
    "Idle-Timeout",
    "Session-Timeout",
    "Admin-Reset",
    "NAS-Reboot",
    "NAS-Error",
    "Quota",
]

EndedBy = TerminateCauseName | Literal[""]
"""Why a flow ended; empty while it is open."""


def ended_by(said: str) -> EndedBy:
    """Read what a node said; a word that only a newer node knows counts as NAS-Error."""
    return _KNOWN.get(said, "NAS-Error")


_KNOWN: dict[str, EndedBy] = {"": "", **{name: name for name in get_args(TerminateCauseName)}}
