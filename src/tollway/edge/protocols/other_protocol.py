"""Clients that speak another protocol than the port's: they are refused in their own, so that a person sees why."""

from tollway.edge.protocols.http.heads import refusal_response
from tollway.edge.protocols.http.refusals import bad_request
from tollway.wire import socks5

_TLS_HANDSHAKE = b"\x16\x03"
_TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"  # fatal, handshake_failure (RFC 8446, section 6)
_SOCKS4_REJECTED = b"\x00\x5b" + bytes(6)


def answer_in_kind(first_bytes: bytes, realm: str) -> bytes:
    """Return a refusal in the protocol that a client began to speak; empty when it is none that is known."""
    if first_bytes.startswith(b"\x05"):
        return socks5.write_method(socks5.Method.NONE_ACCEPTABLE)
    if first_bytes.startswith(b"\x04"):
        return _SOCKS4_REJECTED
    if first_bytes.startswith(_TLS_HANDSHAKE):
        return _TLS_ALERT
    if first_bytes[:1].isalpha():
        return refusal_response(bad_request(400, "This port speaks SOCKS 5; HTTP has another"), realm, b"")
    return b""
