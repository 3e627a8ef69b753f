"""Kept connections: who may have one, for what, and which are never kept."""

import asyncio
import base64
from pathlib import Path

import pytest

from tests.kit.edges import LOGIN, Origin, edge_setup
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket")


def login(username: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:s3cret".encode()).decode()


class Answers:
    """An origin that gives each request the answer of the moment, and notes on which connection it came."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests: list[int] = []
        self._connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(number)
            if b"Content-Length: 3" in head:
                await reader.readexactly(3)
            writer.write(self.answer)
            await writer.drain()


# what the second client does, and whether it gets the first one's connection
SECOND = {
    "the same": ((), {}, b"", True),
    "HEAD": ((), {"method": "HEAD"}, b"", True),
    "another customer": ((), {"login": login("bob")}, b"", False),
    "a session label": ((), {"login": login("user-alice-session-a")}, b"", False),
    "another spelling of the login": ((), {"login": login("user-alice")}, b"", True),
    "POST": (("Content-Length: 3",), {"method": "POST"}, b"abc", False),
    "POST without a body": ((), {"method": "POST"}, b"", False),
    "DELETE": ((), {"method": "DELETE"}, b"", False),
    "PATCH": ((), {"method": "PATCH"}, b"", False),
    "an unknown method": ((), {"method": "RPC_IN_DATA"}, b"", False),
    "GET with a body": (("Content-Length: 3",), {}, b"abc", False),
}


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("same_client", [False, True])
async def test_who_gets_a_kept_connection_and_for_what(
    tmp_path: Path, second: str, same_client: bool
) -> None:
    lines, more, body, reused = SECOND[second]
    access = FakeAccess()
    access.add()
    access.add("bob")
    origin = Answers(OK)
    async with edge_setup(tmp_path, origin, access) as here:
        first = await here.client()
        await first.send(here.get("/"))
        await first.response()
        if same_client:
            client = first
        else:
            await first.close()
            await here.settled()
            client = await here.client()
        await client.send(here.get("/", *lines, **more) + body)
        await client.head()
        assert origin.requests == [1, 1 if reused else 2]
        await client.close()


# what the origin answered first, after which its connection is never used again
FIRST = {
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "bytes behind the answer": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "one byte behind the answer": OK + b"\n",
    "bytes behind chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
    "a repaired answer": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nok\r\n0\r\n\r\n",
    "204 with a body": b"HTTP/1.1 204 No Content\r\n\r\nok",
    "304 with a body": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("answer", FIRST)
@pytest.mark.parametrize("same_client", [False, True])
async def test_which_connections_are_not_kept(tmp_path: Path, answer: str, same_client: bool) -> None:
    origin = Answers(FIRST[answer])
    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        await client.send(here.get("/"))
        head = await client.head()
        if b"204" not in head and b"304" not in head:
            await client.reader.readuntil(b"ok")
            if b"chunked" in head:
                await client.reader.readuntil(b"0\r\n\r\n")
        if not same_client:
            await client.close()
            client = await here.client()
        origin.answer = OK
        await client.send(here.get("/"))
        assert (await client.response())[2] == b"ok"
        assert origin.requests == [1, 2]
        await client.close()


async def test_a_switched_connection_is_nobody_elses(tmp_path: Path) -> None:
    origin = Answers(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        await client.send(here.get("/", *WEBSOCKET))
        await client.head()
        await client.close()
        await here.settled()
        origin.answer = OK
        other = await here.client()
        await other.send(here.get("/"))
        assert (await other.response())[2] == b"ok"
        assert origin.requests == [1, 2]
        await other.close()


async def test_an_answer_before_the_end_of_the_upload_ends_the_connection(tmp_path: Path) -> None:
    origin = Answers(OK)
    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        await client.send(here.get("/", "Content-Length: 9", method="POST") + b"half")
        assert (await client.response())[2] == b"ok"
        await client.rest()
        other = await here.client()
        await other.send(here.get("/"))
        assert (await other.response())[2] == b"ok"
        assert origin.requests == [1, 2]
        await other.close()
        await client.close()


async def test_another_port_of_the_same_host_is_another_origin(tmp_path: Path) -> None:
    origin, second = Answers(OK), Answers(OK)
    async with edge_setup(tmp_path, origin) as here, Origin(second).serving() as other:
        client = await here.client()
        for port in (here.origin.port, other.port, here.origin.port):
            await client.send(here.get("/", port=port, login=LOGIN))
            assert (await client.response())[2] == b"ok"
        assert (origin.requests, second.requests) == ([1, 1], [1])
        await client.close()


async def test_a_kept_connection_is_closed_after_a_while(tmp_path: Path) -> None:
    origin = Answers(OK)
    async with edge_setup(tmp_path, origin, origin_idle_s=0.1) as here:
        client = await here.client()
        await client.send(here.get("/"))
        await client.response()
        await client.close()
        await here.settled()
        await eventually(lambda: not here.edge._gate.pool._idle)
