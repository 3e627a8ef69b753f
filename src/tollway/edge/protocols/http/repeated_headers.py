"""What one request of a connection teaches about the next: most clients send the same headers over and over.

When the headers are byte for byte those of the request before, only the request line is read, and the headers
for the origin, already made, are used again. HTTP/2 compresses heads for the same reason. Only requests without
a body take part, so that nothing about framing is ever carried over.
"""

import re

from tollway.edge.protocols.http.heads import Target
from tollway.wire.http1 import Framing, RequestHead

_LINE = re.compile(rb"(GET|HEAD|OPTIONS|DELETE) (http://[\x21\x22\x24-\x7e]{1,8000}) HTTP/1\.1")


class RepeatedHeaders:
    """The last request's headers, as they came and as they went on."""

    __slots__ = ("_block", "_head", "_prefix", "_target", "fields")

    def __init__(self) -> None:
        self._block = b""  # from the end of the request line to the blank line
        self._head: RequestHead | None = None
        self._prefix = b" "  # of URLs on the last target; none begins with a blank
        self._target = Target("", 0, b"", b"")
        self.fields = b""  # the headers for the origin; empty when they are not known

    def read(self, data: bytes) -> RequestHead | None:
        """Read a head that differs from the last one in its request line only; None when it does not."""
        block, head = self._block, self._head
        terminate = data.find(b"\r\n")
        if head is None or terminate <= 0 or not data.startswith(block, terminate):
            return None
        line = _LINE.fullmatch(data, 0, terminate)
        if line is None:
            return None
        return RequestHead(line[1], line[2], *head[2:-1], size=terminate + len(block))

    def remember(self, data: bytes, head: RequestHead) -> None:
        """Remember a head that was read in full; `data` begins with it, or is empty when that is not known."""
        self.fields = b""
        terminate = data.find(b"\r\n")
        plain = head.framing is Framing.NONE and not head.upgrade and head.size <= len(data)
        if plain and _LINE.fullmatch(data, 0, terminate):
            self._block, self._head = data[terminate : head.size], head
            return
        self._block, self._head = b"", None

    def keep(self, fields: bytes) -> bytes:
        """Remember the headers for the origin, if those of the client are remembered."""
        if self._head is not None:
            self.fields = fields
        return fields

    def target(self, url: bytes) -> Target | None:
        """Return where a URL leads if it is on the same origin as the last one."""
        prefix = self._prefix
        if not url.startswith(prefix):
            return None
        last = self._target
        return Target(last.host, last.port, last.authority, url[len(prefix) - 1 :])

    def remember_target(self, target: Target) -> None:
        """Remember the last target."""
        self._target = target
        self._prefix = b"http://%b/" % target.authority
