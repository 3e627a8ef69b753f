"""The PROXY protocol: what a balancer says is read to the byte, and nothing else is believed."""

import asyncio
import ipaddress
import socket
import struct

import pytest

from tollway.gateway.listen.proxy_protocol import NotProxied, read_source

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
REST = b"\x16\x03\x01GET / HTTP/1.1\r\n"


def v2(command: int, family: int, payload: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + struct.pack("!H", len(payload)) + payload


def addresses(source: str, target: str) -> bytes:
    return (
        ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed + struct.pack("!HH", 5, 80)
    )


V4, V6 = addresses("192.0.2.7", "192.0.2.1"), addresses("2001:db8::7", "2001:db8::1")
GOOD = {
    "v1 TCP4": (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n", "192.0.2.7"),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "2001:db8::7"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", ""),
    "v1 unknown with more": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""),
    "v2 TCP4": (v2(0x21, 0x11, V4), "192.0.2.7"),
    "v2 TCP6": (v2(0x21, 0x21, V6), "2001:db8::7"),
    "v2 with extensions": (v2(0x21, 0x11, V4 + b"\x04\x00\x03abc"), "192.0.2.7"),
    "v2 local": (v2(0x20, 0x00, b""), ""),
    "v2 local with addresses": (v2(0x20, 0x11, V4), ""),
    "v2 unix": (v2(0x21, 0x31, bytes(216)), ""),
    "v2 unspecified": (v2(0x21, 0x00, b""), ""),
}
BAD = {
    "HTTP": b"GET /api/catalog HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
    "v1 without end": b"PROXY TCP4 " + b"1" * 200,
    "v1 bare line feed": b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n",
    "v1 no address": b"PROXY TCP4 nobody 192.0.2.1 1 2\r\n",
    "v1 other family": b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    "v1 too few": b"PROXY TCP4 192.0.2.7\r\n",
    "v1 port": b"PROXY TCP4 192.0.2.7 192.0.2.1 70000 443\r\n",
    "v1 UDP": b"PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
    "v2 command": v2(0x2F, 0x11, V4),
    "v2 version": v2(0x11, 0x11, V4),
    "v2 too short": v2(0x21, 0x11, V4[:6]),
    "v2 too long": SIGNATURE + b"\x21\x11\xff\xff",
    "signature of another": b"\r\n\r\n\x00\r\nQUIT!" + bytes(20),
}


async def source_of(data: bytes, pieces: int = 1) -> tuple[str, bytes]:
    """The source that a header names, and what was left for whoever comes next."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        reading = asyncio.ensure_future(read_source(near))
        size = max(1, len(data) // pieces)
        for at in range(0, len(data), size):
            far.send(data[at : at + size])
            await asyncio.sleep(0)
        far.send(REST)
        async with asyncio.timeout(20):
            return await reading, near.recv(1_000)


@pytest.mark.parametrize("pieces", [1, 3, 100])
@pytest.mark.parametrize("name", GOOD)
async def test_a_header_is_taken_and_not_a_byte_more(name: str, pieces: int):
    data, source = GOOD[name]
    assert await source_of(data, pieces) == (source, REST)


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_header_is_refused(name: str):
    with pytest.raises(NotProxied):
        await source_of(BAD[name])


@pytest.mark.parametrize("name", GOOD)
async def test_a_connection_that_ends_within_the_header_is_over(name: str):
    near, far = socket.socketpair()
    with near:
        near.setblocking(False)
        far.send(GOOD[name][0][:-1])
        far.close()
        with pytest.raises(OSError):  # noqa: PT011  any of them
            await asyncio.wait_for(read_source(near), 20)
