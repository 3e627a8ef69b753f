"""The PROXY protocol, versions 1 and 2: how a balancer that passes TCP on says whose connection it is.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. The header stands before everything else, TLS included, so
it is read from the accepted socket before a transport is made of it, and not a byte more than the header is taken.
"""

import asyncio
import ipaddress
import socket

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # of version 2
_V1_START = b"PROXY "
_V1_LIMIT_BYTES = 107
_V2_LIMIT_BYTES = 4_096  # addresses and extensions
_V2_LOCAL, _V2_PROXY = 0x20, 0x21
_V2_ADDRESS_BYTES = {0x11: 4, 0x21: 16}  # TCP over IPv4, over IPv6


class NotProxied(ValueError):
    """What came is no header of the PROXY protocol."""


async def read_source(sock: socket.socket) -> str:
    """Take the header and return the address of the client; empty when the balancer speaks for itself.

    Raises NotProxied, and OSError when the connection ends.
    """
    start = await _exactly(sock, len(_SIGNATURE))
    if start == _SIGNATURE:
        return await _version_2(sock)
    if start.startswith(_V1_START):
        return _version_1(await _line(sock, start))
    raise NotProxied("the connection does not begin with a PROXY header")


def _version_1(line: bytes) -> str:
    words = line.removesuffix(b"\r\n").split(b" ")
    if words[1] == b"UNKNOWN":
        return ""
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
    return str(source)


async def _version_2(sock: socket.socket) -> str:
    command, family, *length = await _exactly(sock, 4)
    size = int.from_bytes(length)
    if size > _V2_LIMIT_BYTES or command not in {_V2_LOCAL, _V2_PROXY}:
        raise NotProxied("the PROXY header is malformed")
    payload = await _exactly(sock, size) if size else b""
    address_bytes = _V2_ADDRESS_BYTES.get(family)
    if command == _V2_LOCAL or address_bytes is None:
        return ""
    if size < 2 * address_bytes + 4:
        raise NotProxied("the PROXY header is too short for its addresses")
    return str(ipaddress.ip_address(payload[:address_bytes]))


async def _line(sock: socket.socket, start: bytes) -> bytes:
    """Go on to the end of the line. Byte by byte: what follows it belongs to somebody else."""
    line = start
    while not line.endswith(b"\n"):
        if len(line) >= _V1_LIMIT_BYTES:
            raise NotProxied("the PROXY header does not end")
        line += await _exactly(sock, 1)
    if not line.endswith(b"\r\n"):
        raise NotProxied("the PROXY header does not end with CR and LF")
    return line


async def _exactly(sock: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    found = b""
    while len(found) < size:
        piece = await loop.sock_recv(sock, size - len(found))
        if not piece:
            raise ConnectionResetError("the connection ended within the PROXY header")
        found += piece
    return found
