"""Clients that speak another protocol than the port's: they are refused in their own, so that a person sees why."""

from tollway.wire import socks5
from tollway.wire.http1 import write_response_head

_TLS_HANDSHAKE = b"\x16\x03"
_TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"  # fatal, handshake_failure (RFC 8446, section 6)
_SOCKS4_REJECTED = b"\x00\x5b" + bytes(6)
_SOCKS_HERE = "This port speaks SOCKS 5; the HTTP proxy has another port."


def answer_in_kind(first_bytes: bytes, text: str = _SOCKS_HERE) -> bytes:
    """Return a refusal in the protocol that a client began to speak; empty when it is none that is known.

    `text` is what a person sees who speaks HTTP.
    """
    if first_bytes.startswith(b"\x05"):
        return socks5.write_method(socks5.Method.NONE_ACCEPTABLE)
    if first_bytes.startswith(b"\x04"):
        return _SOCKS4_REJECTED
    if first_bytes.startswith(_TLS_HANDSHAKE):
        return _TLS_ALERT
    if first_bytes[:1].isalpha():
        return _http_refusal(text)
    return b""


def _http_refusal(text: str) -> bytes:
    body = f"{text}\n".encode()
    fields = [
        (b"Content-Type", b"text/plain"),
        (b"Content-Length", b"%d" % len(body)),
        (b"Connection", b"close"),
    ]
    return write_response_head(400, fields) + body
