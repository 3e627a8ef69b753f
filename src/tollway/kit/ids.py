"""Prefixed, time-sortable identifiers such as `usr_01K9W2...`.

The body is a UUID version 7 (RFC 9562) in Crockford base 32, so identifiers made later sort later and
the 74 random bits make a guess hopeless.
"""

import os
import time
import uuid

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_BODY_LENGTH = 26


def new_id(prefix: str) -> str:
    """Return a fresh identifier, e.g. `new_id("ord")` → `ord_01k9…` (prefix, `_`, 26 characters)."""
    return f"{prefix}_{_encode(_uuid7())}"


def uuid7() -> uuid.UUID:
    """Return a fresh UUID version 7 (RFC 9562, section 5.7)."""
    return uuid.UUID(int=_uuid7())


def is_id(prefix: str, text: str) -> bool:
    """Tell whether `text` has the shape of an identifier with this prefix."""
    head, _, body = text.rpartition("_")
    return head == prefix and len(body) == _BODY_LENGTH and all(c in _ALPHABET for c in body)


def _uuid7() -> int:
    millis = time.time_ns() // 1_000_000
    rand = int.from_bytes(os.urandom(10), "big")
    rand_a, rand_b = rand >> 68, rand & ((1 << 62) - 1)
    return (millis & ((1 << 48) - 1)) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b


def _encode(value: int) -> str:
    digits: list[str] = []
    for _ in range(_BODY_LENGTH):
        value, rest = divmod(value, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
