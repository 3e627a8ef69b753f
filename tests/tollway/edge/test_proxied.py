"""Behind a balancer the address that it names counts, for records and source addresses, and nobody else's word."""

import asyncio
from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.kit.edges import Client, EdgeSetup, edge_setup, settings, web
from tests.kit.fake_access import FakeAccess
from tests.kit.tls import TlsClient, trusting, write_certificate

HOME, STRANGER = "198.51.100.7", "203.0.113.9"
BEHIND = {"trusted_proxies": ["127.0.0.1/32"], "proxy_protocol": True}


def version_1(address: str) -> bytes:
    return f"PROXY TCP4 {address} 127.0.0.1 4711 80\r\n".encode()


def version_2(address: str) -> bytes:
    payload = ip_address(address).packed + bytes((127, 0, 0, 1)) + (4711).to_bytes(2) + (80).to_bytes(2)
    return b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" + len(payload).to_bytes(2) + payload


def access() -> FakeAccess:
    one = FakeAccess()
    one.add(sources=[f"{HOME}/32"])
    return one


async def status(here: EdgeSetup, said: bytes, address: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", here.edge.ports["http"], local_addr=(address, 0)
    )
    writer.write(said)
    line = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    return line


@pytest.mark.parametrize("header", [version_1, version_2])
@pytest.mark.parametrize("pause", [False, True], ids=["at once", "byte by byte"])
async def test_the_address_that_the_balancer_names_is_let_in(tmp_path: Path, header, pause: bool):
    async with edge_setup(tmp_path, web, access(), **BEHIND) as here:
        assert b" 407 " in await status(here, header(STRANGER) + here.get("/bytes/3", login=""))
        client = await Client.connect(here.edge.ports["http"])
        said = header(HOME) + here.get("/bytes/3", login="")
        if pause:
            for byte in said[:40]:
                await client.send(bytes((byte,)))
                await asyncio.sleep(0)
            said = said[40:]
        await client.send(said)
        assert (await client.response())[0] == 200
        assert here.access.presented[-1].client_address == f"{HOME}:4711"


async def test_socks_behind_a_balancer(tmp_path: Path):
    async with edge_setup(tmp_path, web, access(), **BEHIND) as here:
        for address, answer in ((HOME, b"\x05\x00"), (STRANGER, b"\x05\xff")):
            client = await Client.connect(here.edge.ports["socks5"])
            await client.send(version_1(address) + b"\x05\x01\x00")
            assert await client.exactly(2) == answer


async def test_tls_behind_a_balancer(tmp_path: Path):
    certificate = write_certificate(tmp_path)
    files = {"tls_cert": str(certificate), "tls_key": str(tmp_path / "key.pem")}
    async with edge_setup(tmp_path, web, access(), **BEHIND, **files) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.edge.ports["https"])
        writer.write(version_2(HOME))
        client = TlsClient(reader, writer, trusting(certificate))
        await client.handshake()
        await client.send(here.get("/bytes/3", "Connection: close", login=""))
        assert (await client.rest()).startswith(b"HTTP/1.1 200 ")


async def test_who_is_no_balancer_names_nobody(tmp_path: Path):
    async with edge_setup(tmp_path, web, access(), **BEHIND) as here:
        said = version_1(HOME) + here.get("/bytes/3", login="")
        assert b" 501 " in await status(here, said, "127.0.0.2")  # a method that nobody knows
        assert b" 407 " in await status(here, here.get("/bytes/3", login=""), "127.0.0.2")


@pytest.mark.parametrize(
    "header", [b"", b"PROXY UNKNOWN\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"], ids=["none", "1", "2"]
)
async def test_a_balancers_own_address_is_nobodys(tmp_path: Path, header: bytes):
    """Even if a customer has managed to register it."""
    known = access()
    known.resources["res_alice"].sources.append("127.0.0.1/32")
    changes = BEHIND if header else {"trusted_proxies": ["127.0.0.1/32"]}
    async with edge_setup(tmp_path, web, known, **changes) as here:
        assert b" 407 " in await status(here, header + here.get("/bytes/3", login=""))
        assert not known.presented


@pytest.mark.parametrize(
    "said", [b"GET http://x/ HTTP/1.1\r\n\r\n", b"PROXY TCP4 x y 1 2\r\n", b"PROXY " + b"x" * 200]
)
async def test_a_balancer_that_says_something_else_is_closed(tmp_path: Path, said: bytes):
    async with edge_setup(tmp_path, web, access(), **BEHIND) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(said)
        assert await client.rest() == b""


async def test_a_balancer_that_says_nothing_more_or_goes_is_closed(tmp_path: Path):
    async with edge_setup(tmp_path, web, access(), head_timeout_s=0.3, **BEHIND) as here:
        slow = await Client.connect(here.edge.ports["http"])
        await slow.send(b"PROXY TCP4 ")
        gone = await Client.connect(here.edge.ports["http"])
        await gone.send(b"PROXY TCP4 ")
        gone.reset()
        ended = await Client.connect(here.edge.ports["http"])
        await ended.send(b"PROXY TCP4 ")
        ended.writer.write_eof()
        assert await ended.rest() == await slow.rest() == b""
        assert not here.access.presented


def test_somebody_must_be_trusted():
    with pytest.raises(ValidationError, match="needs trusted_proxies"):
        settings(proxy_protocol=True)
