"""Prefixed, time-sortable identifiers such as `usr_01K9W2...`.

The body is a UUID version 7 (RFC 9562) in Crockford base 32, so identifiers made later sort later and
the 74 random bits make a guess hopeless.
"""

import hashlib
import os
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_BODY_LENGTH = 26
_RANDOM_BITS = 74
# Two digits at a time: half the work, and identifiers are made thousands a second.
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_SHIFTS = range(10 * (_BODY_LENGTH // 2 - 1), -1, -10)


def new_id(prefix: str) -> str:
    """Return a fresh identifier, e.g. `new_id("ord")` → `ord_01k9…` (prefix, `_`, 26 characters)."""
    return f"{prefix}_{_encode(_uuid7())}"


def ids_after(prefix: str, last: str, count: int, at_us: int) -> list[str]:
    """Return `count` fresh identifiers in rising order, each above `last` even when the clock went back.

    A writer that hands its last identifier to the next writer so gives every row a place in one total
    order, without showing how many rows there are (RFC 9562, section 6.2, method 2: monotonic random).
    """
    value = max(_uuid7_at(at_us // 1000), _decode(last.rpartition("_")[2]) if last else 0)
    made: list[str] = []
    for step in _random_steps(count):
        value += step
        made.append(f"{prefix}_{_encode(value)}")
    return made


def derived_id(prefix: str, *parts: str) -> str:
    """Return the one identifier that belongs to these parts, whoever works it out, and whenever."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return f"{prefix}_{_encode(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big'))}"


def id_pattern(prefix: str) -> str:
    """Return the regular expression of the identifiers with this prefix."""
    return rf"^{prefix}_[{_ALPHABET}]{{{_BODY_LENGTH}}}$"


def time_ms_of(id_: str) -> int:
    """Return the time that an identifier was made at, in milliseconds since 1970; 0 when it is not one.

    Identifiers of `ids_after` never go back, so after a clock that did theirs may be a little later than the clock.
    """
    body = id_.rpartition("_")[2]
    return _decode(body) >> 80 if is_id(id_.rpartition("_")[0], id_) else 0


def lowest_id(prefix: str, at_us: int) -> str:
    """Return what every identifier made at a time or later sorts after, or is."""
    return f"{prefix}_{_encode(max(0, at_us) // 1000 << 80)}"


def is_id(prefix: str, text: str) -> bool:
    """Return whether `text` has the shape of an identifier with this prefix."""
    head, _, body = text.rpartition("_")
    return head == prefix and len(body) == _BODY_LENGTH and all(c in _ALPHABET for c in body)


def _uuid7() -> int:
    return _uuid7_at(time.time_ns() // 1_000_000)


def _uuid7_at(millis: int) -> int:
    rand = secrets.randbits(_RANDOM_BITS)
    rand_a, rand_b = rand >> 62, rand & ((1 << 62) - 1)
    return (millis & ((1 << 48) - 1)) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b


def _random_steps(count: int) -> list[int]:
    # One call to the system for all of them; 48 random bits each keep neighbours apart and hard to guess.
    noise = os.urandom(6 * count)
    return [1 + int.from_bytes(noise[at : at + 6], "big") for at in range(0, 6 * count, 6)]


def _encode(value: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])


def _decode(body: str) -> int:
    value = 0
    for digit in body:
        value = value << 5 | _ALPHABET.index(digit)
    return value
