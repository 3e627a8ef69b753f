"""The web's odd responses: what is plain is delivered, what is not is refused with the reason, squid beside.

What is cut short does not look whole.
"""

import asyncio
import contextlib
import socket
import struct
from pathlib import Path

import pytest

from tests.kit.edges import Client, EdgeSetup, edge_setup, pattern
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tests.kit.odd_responses import RESPONSES, Odd
from tests.kit.proxy_verdicts import SQUID, squid, verdict_on
from tests.kit.tls import TlsClient, trusting, write_certificate
from tollway.edge.flow import Flow
from tollway.wire.http1 import BadMessage, ResponseHead, ResponseReader


class OddOrigin:
    """An origin that answers every request with the bytes of the moment."""

    def __init__(self) -> None:
        self.odd = RESPONSES[0]
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.odd.wire)
        await writer.drain()
        if not self.odd.closes:
            await reader.read(1)


async def test_what_is_plain_is_delivered_and_each_byte_is_charged(tmp_path: Path) -> None:
    origin = OddOrigin()
    async with edge_setup(tmp_path, origin) as here:
        found: dict[str, str] = {}
        for origin.odd in RESPONSES:
            found[origin.odd.name] = await verdict_on(here.http.port, here.get("/"))
        assert found == {odd.name: odd.verdict for odd in RESPONSES}
        await here.settled()
        assert here.access.used() == here.on_the_wire


@pytest.mark.slow
@pytest.mark.skipif(SQUID is None, reason="squid is not installed")
async def test_squid_does_as_recorded(tmp_path: Path) -> None:
    origin = OddOrigin()
    async with edge_setup(tmp_path, origin) as here, squid(tmp_path) as port:
        found: dict[str, str] = {}
        for origin.odd in RESPONSES:
            found[origin.odd.name] = await verdict_on(port, here.get(f"/{len(found)}", login=""))
        assert found == {odd.name: odd.squid or odd.verdict for odd in RESPONSES}


def test_every_difference_has_its_reason() -> None:
    assert len(RESPONSES) >= 100
    for odd in RESPONSES:
        assert bool(odd.squid) == bool(odd.why), odd.name
        assert odd.squid != odd.verdict, odd.name


async def test_a_refusal_says_what_is_wrong_with_the_answer(tmp_path: Path) -> None:
    origin = OddOrigin()
    origin.odd = next(odd for odd in RESPONSES if odd.name == "two different lengths")
    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        await client.send(here.get("/"))
        assert b"several Content-Length that differ" in (await client.response())[2]
        await client.close()


async def test_an_origin_whose_answer_was_repaired_is_not_used_again(tmp_path: Path) -> None:
    origin = OddOrigin()
    origin.odd = next(odd for odd in RESPONSES if odd.name == "length and chunks")
    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        for times in (1, 2, 3):
            await client.send(here.get("/"))
            assert (await client.response())[2] == b"hello"
            assert origin.connections == times
        await client.close()


@pytest.mark.parametrize(
    "odd", [odd for odd in RESPONSES if 0 < len(odd.wire) < 1_000], ids=lambda odd: odd.name
)
def test_how_an_answer_is_cut_into_pieces_makes_no_difference(odd: Odd) -> None:
    def read(size: int) -> tuple[object, ...]:
        reader, head, body = ResponseReader(b"GET", tolerant=True), None, b""
        try:
            for at in range(0, len(odd.wire), size):
                reader.feed(odd.wire[at : at + size])
                for event in reader:
                    if isinstance(event, ResponseHead):
                        head = event
                    else:
                        body += getattr(event, "payload", b"")
        except BadMessage as bad:
            return (head, bad.status)
        return (head, body, reader.done)

    whole = read(len(odd.wire))
    for size in (1, 2, 3, 7):
        assert read(size) == whole


# ── a response whose end only the end of the connection shows must not look whole when it is cut short ──

OLD = b"HTTP/1.0 200 OK\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZE = 200_000
PIECE = b"%x\r\n" % SIZE + pattern(SIZE) + b"\r\n"
WHYS = ["origin resets", "quota is used up", "origin is silent", "operator stops the access"]


class Cut:
    """An origin that sends some of a body and then what the test wants."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.go_on = asyncio.Event()
        self.how = "waits"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        await writer.drain()
        await self.go_on.wait()
        if self.how == "resets":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif self.how == "waits":
            await asyncio.sleep(60)


def allowing(why: str) -> FakeAccess:
    access = FakeAccess()
    access.add(holding=150_000 if why == "quota is used up" else 10**9)
    return access


async def cut(here: EdgeSetup, origin: Cut, why: str) -> None:
    """Let it happen, with the client having a part of the body."""
    if why == "origin resets":
        origin.how = "resets"
    elif why == "origin ends":
        origin.how = "ends"
    elif why == "operator stops the access":
        here.access.resources["res_alice"].active = False
        here.access.announce("resource_stopped", resource_id="res_alice")
    origin.go_on.set() if why.startswith("origin") and why != "origin is silent" else None


async def end_of(client: Client) -> str:
    """Return how the connection ends for a client that reads on: `fin` or `reset`."""
    try:
        while piece := await asyncio.wait_for(client.reader.read(1 << 16), 30):
            client.seen += piece
    except ConnectionResetError:
        return "reset"
    return "fin"


def ask(here: EdgeSetup, version: str) -> bytes:
    return here.get("/").replace(b"HTTP/1.1", version.encode(), 1)


@pytest.mark.parametrize("why", WHYS)
@pytest.mark.parametrize(
    ("version", "answer"), [("HTTP/1.1", OLD + pattern(SIZE)), ("HTTP/1.0", CHUNKED + PIECE)]
)
async def test_a_body_cut_short_ends_with_a_reset(
    tmp_path: Path, version: str, answer: bytes, why: str
) -> None:
    origin = Cut(answer)
    idle = {"idle_timeout_s": 0.5} if why == "origin is silent" else {}
    async with edge_setup(tmp_path, origin, allowing(why), **idle) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(ask(here, version))
        await client.exactly(100_000)
        await cut(here, origin, why)
        assert await end_of(client) == "reset"
        await client.close()
        await here.settled()


@pytest.mark.parametrize(
    ("version", "answer"), [("HTTP/1.1", OLD + pattern(SIZE)), ("HTTP/1.0", CHUNKED + PIECE)]
)
async def test_a_chunk_or_body_that_is_whole_ends_with_a_fin(
    tmp_path: Path, version: str, answer: bytes
) -> None:
    origin = Cut(answer if version == "HTTP/1.1" else answer + b"0\r\n\r\n")
    async with edge_setup(tmp_path, origin) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(ask(here, version))
        await client.head()
        await cut(here, origin, "origin ends")
        assert (await end_of(client), bytes(client.seen)) == ("fin", pattern(SIZE))
        await client.close()


async def test_an_old_client_is_not_told_that_chunks_which_just_stop_are_all(tmp_path: Path) -> None:
    origin = Cut(CHUNKED + PIECE)
    async with edge_setup(tmp_path, origin) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(ask(here, "HTTP/1.0"))
        await client.exactly(100_000)
        await cut(here, origin, "origin ends")
        assert await end_of(client) == "reset"
        await client.close()


@pytest.mark.parametrize("why", [*WHYS, "origin ends"])
async def test_within_tls_only_a_whole_body_ends_with_a_close_notify(tmp_path: Path, why: str) -> None:
    origin = Cut(OLD + pattern(SIZE))
    certificate = write_certificate(tmp_path)
    tls = {"tls_cert": str(certificate), "tls_key": str(tmp_path / "key.pem")}
    idle = {"idle_timeout_s": 0.5} if why == "origin is silent" else {}
    async with edge_setup(tmp_path, origin, allowing(why), **tls, **idle) as here:
        client = await TlsClient.connect(here.edge.ports["https"], trusting(certificate))
        await client.send(here.get("/"))
        await client.exactly(100_000)
        await cut(here, origin, why)
        await client.rest()
        assert (client.ended == "close_notify") == (why == "origin ends"), client.ended
        client.writer.transport.abort()


@pytest.mark.parametrize("why", ["origin resets", "origin is silent", "operator stops the access"])
async def test_a_tunnel_that_is_broken_off_ends_with_a_reset(tmp_path: Path, why: str) -> None:
    origin = Cut(OLD + pattern(SIZE))
    idle = {"tunnel_idle_timeout_s": 0.5} if why == "origin is silent" else {}
    async with edge_setup(tmp_path, origin, allowing(why), **idle) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.connect_head())
        await client.head()
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        await client.exactly(100_000)
        await cut(here, origin, why)
        assert await end_of(client) == "reset"
        await client.close()
        await here.settled()


async def test_a_slow_client_has_all_that_was_sent_before_the_reset(tmp_path: Path) -> None:
    origin = Cut(OLD + pattern(SIZE))
    async with edge_setup(tmp_path, origin) as here:
        sock = socket.create_connection(("127.0.0.1", here.edge.ports["http"]))
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, here.get("/"))
        (usage,) = await _flows(here)
        await eventually(lambda: usage.spend.bytes_out > SIZE)
        await cut(here, origin, "origin resets")
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := await asyncio.wait_for(loop.sock_recv(sock, 4_096), 30):
                got += len(piece)
                await asyncio.sleep(0)
        assert got >= SIZE
        sock.close()


async def _flows(here: EdgeSetup) -> list[Flow]:
    await eventually(lambda: list(here.edge._charging.live_flows()))
    return list(here.edge._charging.live_flows())
