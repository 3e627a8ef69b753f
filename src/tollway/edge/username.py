"""The proxy username: who logs in, and which exit is wished for.

    <login>                                            the login alone
    user-<login>[-session-<id>][-country-us][-city-new_york]...

Keys are lower case and come in any order; `-` separates, so a login has none, and `_` stands for a blank. An
unknown key is refused and never ignored: a typing error must not send traffic through the wrong country.
"""

import re
from copy import deepcopy
from typing import NamedTuple

from tollway.contracts.access_pb2 import PasswordCredential, PublicKeyCredential
from tollway.edge.credential import Credential
from tollway.edge.exits import Wishes
from tollway.edge.refusal import BAD_USERNAME, Refusal

_MAX_BYTES = 255  # what SOCKS5 can carry (RFC 1929), so that one limit holds everywhere
_PLACES = frozenset(("country", "state", "city", "asn"))
_SESSION = re.compile(r"[A-Za-z0-9_]{1,64}")


class Username(NamedTuple):
    """A parsed username: who logs in, and what is wished of the exit."""

    login: str
    wishes: Wishes


def separate_wishes(credential: Credential) -> tuple[Credential, Wishes] | Refusal:
    """Return a credential as the access service knows it, and what its username wishes of the exit."""
    if not isinstance(credential, PasswordCredential | PublicKeyCredential):
        return credential, Wishes()
    name = parse_username(credential.username)
    if isinstance(name, Refusal):
        return name
    login = deepcopy(credential)
    login.username = name.login
    return login, name.wishes


def parse_username(text: str) -> Username | Refusal:
    """Read a username, or say that it cannot be read."""
    if not text or len(text.encode()) > _MAX_BYTES:
        return BAD_USERNAME
    if "-" not in text:
        return Username(text, Wishes())
    parts = text.split("-")
    if parts[0] != "user" or len(parts) % 2 or not all(parts):
        return BAD_USERNAME
    wishes = dict(zip(parts[2::2], parts[3::2], strict=True))
    if len(wishes) < (len(parts) - 2) // 2 or not wishes.keys() <= _PLACES | {"session"}:
        return BAD_USERNAME
    session = wishes.get("session", "")
    if session and not _SESSION.fullmatch(session):
        return BAD_USERNAME
    places = tuple(sorted((key, value) for key, value in wishes.items() if key in _PLACES))
    return Username(parts[1], Wishes(places, session))
