"""CONNECT heads that were understood before: the same customer opens tunnels to the same target over and over.

A head that is byte for byte a known one need not be parsed, decoded and hashed again. Heads are known by a keyed
hash, as they carry a password; what a login may do is judged anew each time.
"""

import os
from hashlib import blake2b
from typing import NamedTuple

from tollway.edge.session import KnownCredential

_KNOWN = 10_000
_LONGEST_BYTES = 2_048


class KnownConnect(NamedTuple):
    """What a head said: where to, and who."""

    host: str
    port: int
    credential: KnownCredential


class ConnectCache:
    """The heads that one edge has understood."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._cached: dict[bytes, KnownConnect] = {}

    def recognize(self, data: bytes) -> KnownConnect | None:
        """Return what was understood of a head, if `data` is one head and nothing else, and is known."""
        if len(data) > _LONGEST_BYTES or not data.startswith(b"CONNECT ") or not data.endswith(b"\r\n\r\n"):
            return None
        return self._cached.get(blake2b(data, digest_size=16, key=self._key).digest())

    def remember(self, data: bytes, cached: KnownConnect) -> None:
        """Remember what a head, which is all of `data`, said."""
        if len(data) > _LONGEST_BYTES:
            return
        if len(self._cached) >= _KNOWN:
            self._cached.clear()
        self._cached[blake2b(data, digest_size=16, key=self._key).digest()] = cached
