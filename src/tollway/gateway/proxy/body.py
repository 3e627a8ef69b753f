"""The body of a request: whether it is complete yet, what of it is kept, whether it comes fast enough.

A small body is complete before the request takes a connection to an upstream, so that a slow client holds none. What is
kept also serves a second try, when that is safe. How much all requests keep at once has a limit, and so has what those
of one client keep; beyond it a body is passed on as it comes, like a large one. Requests that came before their turn
count too (`listen/connection.py`).
"""

from tollway.gateway.message.client import ClientShare
from tollway.gateway.message.request import Request
from tollway.gateway.settings import GatewaySettings
from tollway.wire.http1 import Framing

# RFC 9110, section 9.2.2, less those that are not passed on.
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))
_KEPT_BYTES = 65_536
_KEPT_BYTES_OF_ALL = 67_108_864
_KEPT_BYTES_OF_CLIENT = 8_388_608
_SKIP_BYTES = 65_536  # of an unwanted body that is read and thrown away to keep the connection


def may_be_repeated(request: Request) -> bool:
    """Return whether a second arrival does no harm: by the method, or by an Idempotency-Key."""
    return request.head.method in _IDEMPOTENT or bool(request.idempotency)


def can_skip_body(request: Request) -> bool:
    """Return whether what is left of a refused request is small enough to read and throw away."""
    head = request.head
    # Who waits for `100 Continue` may or may not send the body after another response: then nobody knows.
    return request.body_ended or (
        head.framing is Framing.LENGTH and head.length <= _SKIP_BYTES and not head.expect_continue
    )


class KeptBytes:
    """How much of what clients sent a gateway keeps now, in all and by client: bodies and early requests."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0

    def add(self, share: ClientShare, size: int) -> bool:
        """Count what is kept in addition; return whether more may be kept."""
        self.size += size
        share.kept_bytes += size
        return self.size < _KEPT_BYTES_OF_ALL and share.kept_bytes < _KEPT_BYTES_OF_CLIENT

    def remove(self, share: ClientShare, size: int) -> None:
        """Count what is kept no more."""
        self.size -= size
        share.kept_bytes -= size


class RequestBody:
    """One body on its way. While `collecting` it is kept, until it is complete or turns out to be large.

    `kept` is all that has arrived, as it goes to the upstream; None once something was not kept. `is_large`: it is not
    waited for, because it is large or no more may be kept.
    """

    __slots__ = (
        "_again", "_pace_bytes", "_pace_since", "_share", "_total", "collecting", "is_large", "kept",
    )  # fmt: skip

    def __init__(self, request: Request, kept: KeptBytes) -> None:
        self._total, self._share = kept, request.client.share
        self.kept: bytearray | None = bytearray()
        self.collecting = request.head.length <= _KEPT_BYTES
        self._again = bool(request.route.retries) and may_be_repeated(request)
        self.is_large = False
        self._pace_bytes, self._pace_since = 0, request.started  # since the pace was last checked

    def add(self, piece: bytes, size: int) -> None:
        """Take a piece that was `size` bytes long on the wire."""
        self._pace_bytes += size
        if self.kept is not None:
            self.kept += piece
            fits = self._total.add(self._share, len(piece))
            self.is_large = not fits or len(self.kept) > _KEPT_BYTES

    def sent(self) -> None:
        """Drop what was sent and is not needed again."""
        if not self._again or self.is_large:
            self.forget()

    def forget(self) -> None:
        """Keep nothing: a response has begun, or nobody waits for one."""
        if self.kept is not None:
            self._total.remove(self._share, len(self.kept))
            self.kept = None

    def is_slow(self, now: float, settings: GatewaySettings, *, waits_for_client: bool) -> bool:
        """Return whether the client sends more slowly than it may, as seen over `body_grace_s`."""
        waited_s = now - self._pace_since
        if waits_for_client and waited_s <= settings.body_grace_s:
            return False
        arrived_bytes = self._pace_bytes
        self._pace_bytes, self._pace_since = 0, now
        return waits_for_client and arrived_bytes < settings.body_bytes_per_s * waited_s


def can_be_sent_again(request: Request, body: RequestBody | None) -> bool:
    """Return whether a second arrival does no harm, and everything that was sent is still here."""
    return may_be_repeated(request) and (body is None or body.kept is not None)
