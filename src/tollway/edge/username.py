"""The proxy username: who logs in, and which exit is wished for.

    <login>                                            the login alone
    user-<login>[-session-<id>][-country-us][-city-new_york]...

Keys are lower case and come in any order; `-` separates, so a login has none, and no value but a UUID as session; `_`
stands for a blank. An
unknown key is refused and never ignored: a typing error must not send traffic through the wrong country.
"""

import re
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

from tollway.contracts.access_pb2 import PasswordCredential, PublicKeyCredential
from tollway.edge.credential import Credential
from tollway.edge.exits import ExitPreferences
from tollway.edge.refusal import BAD_USERNAME, Refusal

_MAX_BYTES = 255  # what SOCKS5 can carry (RFC 1929), so that one limit holds everywhere
_PLACES = ("country", "state", "city", "asn")
_KEYS = ("session", *_PLACES)
_SESSION = re.compile(r"[A-Za-z0-9_]{1,64}")
_UUID = re.compile(
    r"(-session-[0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})(?=-|\Z)", re.I
)


class Username(NamedTuple):
    """A parsed username: who logs in, and what is wished of the exit."""

    login: str
    preferences: ExitPreferences


def separate_preferences(credential: Credential) -> tuple[Credential, ExitPreferences] | Refusal:
    """Return a credential as the access service knows it, and what its username prefers of exits."""
    if not isinstance(credential, PasswordCredential | PublicKeyCredential):
        return credential, ExitPreferences()
    name = parse_username(credential.username)
    if isinstance(name, Refusal):
        return name
    login = deepcopy(credential)
    login.username = name.login
    return login, name.preferences


def parse_username(text: str) -> Username | Refusal:
    """Read a username, or say which rule it breaks."""
    if not text or len(text.encode()) > _MAX_BYTES:
        return _bad(f"the proxy username has 1 to {_MAX_BYTES} bytes")
    if "-" not in text:
        return Username(text, ExitPreferences())
    parts = _UUID.sub(r"\1_\2_\3_\4_\5", text).split("-")  # many programs take a UUID for a label
    if parts[0] != "user":
        return _bad("a proxy username with '-' in it begins with 'user-'")
    if len(parts) % 2 or not all(parts):
        return _bad(
            "after user-<login> the proxy username has pairs of -<key>-<value>; no value has a '-' but a UUID"
        )
    keys = parts[2::2]
    for key in keys:
        if key not in _KEYS:
            return _bad(f"the proxy username has the key {key!r}; known are {', '.join(_KEYS)}")
        if keys.count(key) > 1:
            return _bad(f"the proxy username has the key {key!r} twice")
    preferences = dict(zip(keys, parts[3::2], strict=True))
    session = preferences.get("session", "")
    if session and not _SESSION.fullmatch(session):
        return _bad("a session label in the proxy username is a UUID, or up to 64 letters, digits and '_'")
    places = tuple(sorted((key, value) for key, value in preferences.items() if key in _PLACES))
    return Username(parts[1], ExitPreferences(places, session))


def _bad(detail: str) -> Refusal:
    return replace(BAD_USERNAME, detail=detail[0].upper() + detail[1:])
