"""SOCKS version 5 on the server's side: bytes in, messages out (RFC 1928; passwords: RFC 1929).

A client says three things, and the server answers each:

    greeting   05 n methods...                     → 05 method, or 05 FF: none of these
    login      01 n username m password            → 01 00, or 01 01: wrong
    request    05 command 00 type address port     → 05 reply 00 01 0.0.0.0 0

Each `read_` function takes all that has arrived so far and returns the message, or None when it is not
complete yet. `size` is how many of the bytes it took; what follows belongs to the next message. A client
that speaks another protocol raises BadMessage as soon as that is certain.
"""

import re
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

VERSION = 5
LOGIN_VERSION = 1
_HOST_NAME = re.compile(
    rb"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)


class BadSocksMessage(Exception):
    """The client does not speak SOCKS 5; there is no answer it would understand."""


class Method(IntEnum):
    """How a client may prove who it is."""

    NO_AUTHENTICATION = 0x00
    PASSWORD = 0x02
    NONE_ACCEPTABLE = 0xFF


class SocksCommand(IntEnum):
    """What a client may ask for."""

    CONNECT = 1
    BIND = 2
    UDP_ASSOCIATE = 3


class AddressType(IntEnum):
    """How the target is written."""

    IPV4 = 1
    NAME = 3
    IPV6 = 4


class SocksReply(IntEnum):
    """The server's last word before it relays or closes (RFC 1928, section 6)."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


class Greeting(NamedTuple):
    """The methods that the client can do."""

    methods: bytes
    size: int


class Login(NamedTuple):
    """A username and a password, 1 to 255 bytes each."""

    username: str
    password: str
    size: int


class SocksRequest(NamedTuple):
    """What the client wants. `refused` is SUCCEEDED, or the reply to a request that cannot be served."""

    command: int
    host: str
    port: int
    refused: SocksReply
    size: int


def read_greeting(data: bytes) -> Greeting | None:
    """Read the client's first message. Raises BadMessage."""
    if data[:1] not in {b"", b"\x05"}:
        raise BadSocksMessage("the version is not 5")
    if len(data) < 2 or len(data) < 2 + data[1]:
        return None
    return Greeting(data[2 : 2 + data[1]], 2 + data[1])


def read_login(data: bytes) -> Login | None:
    """Read username and password (RFC 1929, section 2). Raises BadMessage."""
    if data[:1] not in {b"", b"\x01"}:
        raise BadSocksMessage("the login's version is not 1")
    if len(data) < 2 or len(data) < 3 + data[1]:
        return None
    middle = 2 + data[1]
    end = middle + 1 + data[middle]
    if len(data) < end:
        return None
    try:
        return Login(data[2:middle].decode(), data[middle + 1 : end].decode(), end)
    except UnicodeDecodeError:
        raise BadSocksMessage("username and password are not UTF-8") from None


def read_request(data: bytes) -> SocksRequest | None:
    """Read what the client wants. Raises BadMessage."""
    if data[:1] not in {b"", b"\x05"}:
        raise BadSocksMessage("the version is not 5")
    if len(data) < 5:
        return None
    kind = data[3]
    if kind not in _ADDRESS_BYTES:
        return SocksRequest(data[1], "", 0, SocksReply.ADDRESS_TYPE_NOT_SUPPORTED, len(data))
    at = 5 if kind == AddressType.NAME else 4
    end = at + (data[4] if kind == AddressType.NAME else _ADDRESS_BYTES[kind])
    if len(data) < end + 2:
        return None
    host = _host(kind, data[at:end])
    port = int.from_bytes(data[end : end + 2], "big")
    return SocksRequest(data[1], host, port, _refused(data[1], host, port), end + 2)


def write_method(method: Method) -> bytes:
    """Return the answer to a greeting."""
    return bytes((VERSION, method))


def write_login(*, accepted: bool) -> bytes:
    """Return the answer to a login; after a refusal the connection must be closed."""
    return bytes((LOGIN_VERSION, 0 if accepted else 1))


def write_reply(reply: SocksReply) -> bytes:
    """Return the answer to a request. The bound address stays empty: it would reveal where the exit is."""
    return bytes((VERSION, reply, 0, AddressType.IPV4)) + bytes(6)


_ADDRESS_BYTES: dict[int, int] = {AddressType.IPV4: 4, AddressType.NAME: 0, AddressType.IPV6: 16}


def _host(kind: int, raw: bytes) -> str:
    """Return the target as text, a name in lower case (RFC 4343); empty when it is not a name that could exist."""
    if kind == AddressType.NAME:
        return raw.decode("ascii").lower() if _HOST_NAME.fullmatch(raw) else ""
    return str(IPv4Address(raw) if kind == AddressType.IPV4 else IPv6Address(raw))


def _refused(command: int, host: str, port: int) -> SocksReply:
    if command != SocksCommand.CONNECT:
        return SocksReply.COMMAND_NOT_SUPPORTED
    return SocksReply.SUCCEEDED if host and port else SocksReply.GENERAL_FAILURE
