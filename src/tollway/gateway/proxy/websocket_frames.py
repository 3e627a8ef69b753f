"""Frames of a WebSocket (RFC 6455, section 5), as far as the gateway must know them: where one ends.

A frame of our own may stand between two frames of the other end, never inside one.
"""

CLOSE = 0x8
_FINAL = 0x80
_MASKED = 0x80
_LENGTH = 0x7F
_MORE_LENGTH = {126: 2, 127: 8}  # bytes of an extended length
_MASK_BYTES = 4


class FrameTracker:
    """Follows one direction of a WebSocket. `closed` is set once a Close frame has passed."""

    __slots__ = ("_head", "_left", "closed")

    def __init__(self) -> None:
        self.closed = False
        self._head = b""  # of a head that has not passed completely
        self._left = 0  # bytes of the payload still to come

    @property
    def between_frames(self) -> bool:
        """Whether every frame that began has passed completely."""
        return not self._left and not self._head

    def pass_on(self, data: bytes) -> None:
        """Follow these bytes."""
        at = 0
        while at < len(data):
            at = self._step(data, at)

    def pass_frame(self, data: bytes) -> bytes:
        """Follow these bytes up to the end of the frame under way; return that part of them."""
        at = 0
        while at < len(data) and not self.between_frames:
            at = self._step(data, at)
        return data[:at]

    def _step(self, data: bytes, at: int) -> int:
        """Go on by the rest of a payload or a byte of a head; return how far that is."""
        if self._left:
            size = min(self._left, len(data) - at)
            self._left -= size
            return at + size
        head = self._head = self._head + data[at : at + 1]
        if len(head) > 1:
            length = head[1] & _LENGTH
            more = _MORE_LENGTH.get(length, 0)
            if len(head) == 2 + more + (_MASK_BYTES if head[1] & _MASKED else 0):
                self._left = int.from_bytes(head[2 : 2 + more]) if more else length
                self.closed = self.closed or head[0] & 0x0F == CLOSE
                self._head = b""
        return at + 1


def close_frame(code: int, reason: str) -> bytes:
    """Render the Close frame of a server. `reason` has at most 123 bytes."""
    payload = code.to_bytes(2) + reason.encode()
    return bytes((_FINAL | CLOSE, len(payload))) + payload
