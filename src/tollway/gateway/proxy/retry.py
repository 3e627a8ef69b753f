"""Whether a request may be sent once more, and what of it must be kept for that."""

from tollway.gateway.message.request import Request
from tollway.wire.http1 import Framing

# RFC 9110, section 9.2.2, less those that are not passed on.
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))
_KEPT_BYTES = 65_536
_NONE = Framing.NONE


def may_be_repeated(request: Request) -> bool:
    """Return whether a second arrival does no harm: by the method, or by an Idempotency-Key."""
    return request.head.method in _IDEMPOTENT or bool(request.idempotency)


class SentBody:
    """What was sent of a request's body, kept as long as it is small and may be needed again."""

    __slots__ = ("_bytes", "_pieces")

    def __init__(self, request: Request) -> None:
        keep = request.head.framing is not _NONE and request.route.retries and may_be_repeated(request)
        self._pieces: list[bytes] | None = [] if keep else None
        self._bytes = 0

    def add(self, piece: bytes) -> None:
        """Keep a piece that was sent."""
        if self._pieces is not None:
            self._pieces.append(piece)
            self._bytes += len(piece)
            if self._bytes > _KEPT_BYTES:
                self._pieces = None

    def forget(self) -> None:
        """Keep nothing: a response has begun."""
        self._pieces = None

    @property
    def pieces(self) -> list[bytes] | None:
        """All that was sent, or None when it was not kept."""
        return self._pieces
