"""The proxy username: who logs in, and which exit is wished for.

    <login>                                            the login alone
    user-<login>[-session-<id>][-country-us][-city-new_york]...

Keys are lower case and come in any order; `-` separates, so a login has none, and `_` stands for a blank. An
unknown key is refused and never ignored: a typing error must not send traffic through the wrong country.
"""

import re
from typing import NamedTuple

from tollway.edge.refusal import BAD_USERNAME, NO_EXIT, Refusal

_MAX_BYTES = 255  # what SOCKS5 can carry (RFC 1929), so that one limit holds everywhere
_PLACES = frozenset(("country", "state", "city", "asn"))
_SESSION = re.compile(r"[A-Za-z0-9_]{1,64}")


class Username(NamedTuple):
    """A parsed username. `session` is the customer's label for a sticky exit, empty when there is none."""

    login: str
    session: str


def parse_username(text: str) -> Username | Refusal:
    """Read a username, or say why it is refused: NO_EXIT for a place, as the direct exit has none."""
    if not text or len(text.encode()) > _MAX_BYTES:
        return BAD_USERNAME
    if "-" not in text:
        return Username(text, "")
    parts = text.split("-")
    if parts[0] != "user" or len(parts) % 2 or not all(parts):
        return BAD_USERNAME
    wishes = dict(zip(parts[2::2], parts[3::2], strict=True))
    if len(wishes) < (len(parts) - 2) // 2 or not wishes.keys() <= _PLACES | {"session"}:
        return BAD_USERNAME
    session = wishes.get("session", "")
    if session and not _SESSION.fullmatch(session):
        return BAD_USERNAME
    return NO_EXIT if wishes.keys() & _PLACES else Username(parts[1], session)
