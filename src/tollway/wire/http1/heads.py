"""The nouns of HTTP/1.1: heads, body framing, limits, refusals.

Heads and events are named tuples: frozen, slotted, and three times cheaper to make than dataclasses, which
counts at tens of thousands a second.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

Headers = tuple[tuple[bytes, bytes], ...]


class Framing(Enum):
    """How the end of a body is known (RFC 9112, section 6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until-close"


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """What a peer may send in one head. Beyond it the request is refused with 414 or 431.

    `underscores` allows them in header names: a forward proxy, which carries other people's requests, must. `forward`
    reads what programs send to one: any method, URLs with raw UTF-8 or a fragment, and no regard for Host beside a URL.
    """

    line_bytes: int = 8_192
    head_bytes: int = 16_384
    headers: int = 100
    underscores: bool = False
    forward: bool = False


class RequestHead(NamedTuple):
    """The request line and headers of one request, valid by every rule of this package."""

    method: bytes
    target: bytes  # origin-form, absolute-form, authority-form (CONNECT) or `*`, as sent
    minor: int  # HTTP/1.minor
    headers: Headers  # names as sent, values without surrounding blanks
    host: bytes  # the one Host value; empty only on HTTP/1.0
    framing: Framing
    length: int  # bytes of body; 0 unless framing is LENGTH
    keep_alive: bool
    connection: tuple[bytes, ...]  # the options named in Connection, lower case
    upgrade: bytes  # the protocol asked for, lower case; empty when none is
    expect_continue: bool  # the client waits for `100 Continue` before its body
    size: int  # bytes of the head on the wire, its blank line included


class ResponseHead(NamedTuple):
    """The status line and headers of one response. A 1xx head is followed by another head, except 101."""

    status: int
    reason: bytes
    minor: int
    headers: Headers
    framing: Framing
    length: int
    keep_alive: bool
    connection: tuple[bytes, ...]
    upgrade: bytes
    size: int  # bytes of the head on the wire, its blank line included
    repaired: bool = False  # it came in another form than these fields are written in


class Data(NamedTuple):
    """A piece of a body: the payload without chunk framing, and the bytes it took on the wire."""

    payload: bytes
    size: int


class End(NamedTuple):
    """The end of a message. Trailers are checked and dropped; `size` is the framing not yet counted."""

    size: int


class BadMessage(Exception):
    """The peer's message breaks a rule. `status` is what a server answers, `reason` says which rule."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BadHead(BadMessage):
    """The request line, status line or a header is refused."""


class BadBody(BadMessage):
    """The body's framing is broken, or it ended early."""
