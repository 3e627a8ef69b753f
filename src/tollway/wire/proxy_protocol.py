"""The PROXY protocol, versions 1 and 2: how a balancer that passes TCP on says whose connection it is.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. The header stands before everything else, TLS included, so
whoever reads it takes not a byte more: `missing_bytes` says how many surely belong to it, over and over, and when none
is missing `read_source` returns what it says.
"""

import ipaddress
from typing import NamedTuple

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # of version 2
_V1_START = b"PROXY "
_V1_LIMIT_BYTES = 107
_V2_START_BYTES = len(_SIGNATURE) + 4
_V2_LIMIT_BYTES = 4_096  # addresses and extensions
_V2_LOCAL, _V2_PROXY = 0x20, 0x21
_V2_ADDRESS_BYTES = {0x11: 4, 0x21: 16}  # TCP over IPv4, over IPv6


class NotProxied(ValueError):
    """What came is no header of the PROXY protocol."""


class ProxiedClient(NamedTuple):
    """The client's end of the connection; an empty address: the balancer speaks for itself."""

    address: str
    port: int


_ITSELF = ProxiedClient("", 0)


def missing_bytes(start: bytes) -> int:
    """Return how many more bytes belong to the header at least; 0 when it is whole. Raises NotProxied."""
    if len(start) < len(_SIGNATURE):
        return len(_SIGNATURE) - len(start)
    if start.startswith(_SIGNATURE):
        if len(start) < _V2_START_BYTES:
            return _V2_START_BYTES - len(start)
        size = int.from_bytes(start[14:16])
        if size > _V2_LIMIT_BYTES or start[12] not in {_V2_LOCAL, _V2_PROXY}:
            raise NotProxied("the PROXY header is malformed")
        return _V2_START_BYTES + size - len(start)
    if not start.startswith(_V1_START):
        raise NotProxied("the connection does not begin with a PROXY header")
    if start.endswith(b"\n"):
        if not start.endswith(b"\r\n"):
            raise NotProxied("the PROXY header does not end with CR and LF")
        return 0
    if len(start) >= _V1_LIMIT_BYTES:
        raise NotProxied("the PROXY header does not end")
    return 1  # what follows the line belongs to somebody else


def read_source(header: bytes) -> ProxiedClient:
    """Return whose connection a whole header says it is. Raises NotProxied."""
    return _version_2(header) if header.startswith(_SIGNATURE) else _version_1(header)


def _version_1(line: bytes) -> ProxiedClient:
    words = line.removesuffix(b"\r\n").split(b" ")
    if words[1] == b"UNKNOWN":
        return _ITSELF
    if words[1] not in {b"TCP4", b"TCP6"} or len(words) != 6:
        raise NotProxied("the PROXY header is malformed")
    try:
        source = ipaddress.ip_address(words[2].decode("ascii"))
        ipaddress.ip_address(words[3].decode("ascii"))
    except ValueError as error:
        raise NotProxied("the PROXY header has no valid address") from error
    if source.version != (4 if words[1] == b"TCP4" else 6):
        raise NotProxied("the PROXY header has an address of the other family")
    if not all(port.isdigit() and int(port) < 65_536 for port in words[4:]):
        raise NotProxied("the PROXY header has no valid port")
    return ProxiedClient(str(source), int(words[4]))


def _version_2(header: bytes) -> ProxiedClient:
    command, family = header[12], header[13]
    payload = header[_V2_START_BYTES:]
    address_bytes = _V2_ADDRESS_BYTES.get(family)
    if command == _V2_LOCAL or address_bytes is None:
        return _ITSELF
    if len(payload) < 2 * address_bytes + 4:
        raise NotProxied("the PROXY header is too short for its addresses")
    port = int.from_bytes(payload[2 * address_bytes : 2 * address_bytes + 2])
    return ProxiedClient(str(ipaddress.ip_address(payload[:address_bytes])), port)
