"""The wrong port: each client is refused in the protocol that it speaks."""

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.kit.edges import Client, edge_setup

TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"
SOCKS4 = b"\x04\x01\x00\x50\x7f\x00\x00\x01user\x00"


@pytest.mark.parametrize(
    ("port", "first", "answer"),
    [
        ("http", b"\x05\x01\x02", b"\x05\xff"),
        ("http", b"\x05\x01\x00", b"\x05\xff"),
        ("http", SOCKS4, b"\x00\x5b" + bytes(6)),
        ("http", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), TLS_ALERT),
        ("socks5", SOCKS4, b"\x00\x5b" + bytes(6)),
        ("socks5", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), TLS_ALERT),
    ],
)
async def test_a_client_is_refused_in_its_own_protocol(
    tmp_path: Path, port: str, first: bytes, answer: bytes
) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.edge.ports[port])
        await client.send(first)
        assert await client.rest() == answer
        await client.close()
        assert here.access.presented == []


@pytest.mark.parametrize(
    "first",
    [
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.0\r\n\r\n",
    ],
)
async def test_http_at_the_socks_port_gets_a_page_that_says_so(tmp_path: Path, first: bytes) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.edge.ports["socks5"])
        await client.send(first)
        status, _, body = await client.response()
        assert (status, b"This port speaks SOCKS 5" in body) == (400, True)
        assert await client.rest() == b""
        await client.close()


@pytest.mark.parametrize("first", [b"\x00\x00", b"\xff\xfe", b"\x01\x02"])
async def test_what_nobody_speaks_is_closed_without_a_word(tmp_path: Path, first: bytes) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.edge.ports["socks5"])
        await client.send(first)
        assert await client.rest() == b""
        await client.close()


async def test_a_real_tls_client_sees_a_handshake_failure(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        context = ssl.create_default_context()
        with pytest.raises(ssl.SSLError, match=r"(?i)handshake_?.?failure"):
            await asyncio.open_connection("127.0.0.1", here.edge.ports["http"], ssl=context)
