"""Half-open connections: in whatever state a client or an origin falls silent, nothing of it is left."""

import asyncio
import base64
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit.edges import Client, EdgeSetup, edge_setup
from tests.kit.eventually import eventually
from tollway.edge.node import Edge

QUICK: dict[str, Any] = {
    "head_timeout_s": 0.3,
    "idle_timeout_s": 0.3,
    "tunnel_idle_timeout_s": 0.3,
    "half_closed_timeout_s": 0.2,
    "linger_timeout_s": 0.1,
    "connect_timeout_s": 0.3,
    "origin_idle_s": 0.1,
}
BAD_LOGIN = "Basic " + base64.b64encode(b"alice:guess").decode()


async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer /now, begin to answer /half, and never answer anything else; stay when the other side has finished."""
    while line := await reader.readline():
        if b"/now" in line:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        elif b"/half" in line:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        elif line == b"finish\n":
            writer.write_eof()
    await asyncio.sleep(5)


async def said(here: EdgeSetup, port: str, *pieces: bytes) -> Client:
    client = await Client.connect(here.edge.ports[port])
    for piece in pieces:
        await client.send(piece)
    return client


async def silent(here: EdgeSetup) -> Client:
    return await said(here, "http")


async def half_a_head(here: EdgeSetup) -> Client:
    return await said(here, "http", here.get("/now")[:-4])


async def unanswered(here: EdgeSetup) -> Client:
    client = await said(here, "http", here.get("/never"))
    await eventually(lambda: here.origin.connections)
    return client


async def half_answered(here: EdgeSetup) -> Client:
    client = await said(here, "http", here.get("/half"))
    await client.head()
    return client


async def between_requests(here: EdgeSetup) -> Client:
    client = await said(here, "http", here.get("/now"))
    await client.response()
    return client


async def uploading(here: EdgeSetup) -> Client:
    return await said(here, "http", here.get("/up", "Content-Length: 9", method="POST") + b"half")


async def uploading_chunks(here: EdgeSetup) -> Client:
    return await said(
        here, "http", here.get("/up", "Transfer-Encoding: chunked", method="POST") + b"9\r\nhalf"
    )


async def refused(here: EdgeSetup) -> Client:
    client = await said(here, "http", here.get("/now", login=BAD_LOGIN))
    await client.head()
    return client


async def tunnel(here: EdgeSetup) -> Client:
    client = await said(here, "http", here.connect_head())
    await client.head()
    return client


async def tunnel_whose_origin_has_finished(here: EdgeSetup) -> Client:
    client = await tunnel(here)
    await client.send(b"finish\n")
    assert await client.rest() == b""
    return client


async def socks_greeted(here: EdgeSetup) -> Client:
    return await said(here, "socks5", b"\x05\x01\x02")


async def socks_half_a_login(here: EdgeSetup) -> Client:
    return await said(here, "socks5", b"\x05\x01\x02", b"\x01\x05ali")


async def socks_logged_in(here: EdgeSetup) -> Client:
    client = await said(here, "socks5", b"\x05\x01\x02\x01\x05alice\x06s3cret")
    await client.exactly(4)
    return client


async def socks_at_the_wrong_port(here: EdgeSetup) -> Client:
    return await said(here, "http", b"\x05\x01\x02")


async def finishes(client: Client) -> None:
    client.writer.write_eof()


async def resets(client: Client) -> None:
    client.reset()


async def says_nothing(client: Client) -> None:
    pass


async def says_one_byte_more(client: Client) -> None:
    await client.send(b"x")


STATES = [
    silent,
    half_a_head,
    unanswered,
    half_answered,
    between_requests,
    uploading,
    uploading_chunks,
    refused,
    tunnel,
    tunnel_whose_origin_has_finished,
    socks_greeted,
    socks_half_a_login,
    socks_logged_in,
    socks_at_the_wrong_port,
]
EVENTS: list[Callable[[Client], Awaitable[None]]] = [finishes, says_nothing, says_one_byte_more, resets]

# What a client in each state gets after each event, until the edge lets go of it: the status of an HTTP answer, or
# the bytes. An empty text is an end without a word. After a reset nobody is there to get an answer.
HALF, AGAIN = "half", "05 02"
ANSWERS: dict[str, tuple[str, str, str]] = {
    #                                   finishes  nothing  one byte more
    "silent": ("", "", "408"),
    "half_a_head": ("400", "408", "408"),
    "unanswered": ("504", "504", "504"),
    "half_answered": (HALF, HALF, HALF),
    "between_requests": ("", "", "408"),
    "uploading": ("", "504", "504"),  # a body that is cut short is no request, and its origin learns so
    "uploading_chunks": ("", "504", "504"),
    "refused": ("problem", "problem", "problem"),
    "tunnel": ("", "", ""),
    "tunnel_whose_origin_has_finished": ("", "", ""),
    "socks_greeted": (AGAIN, AGAIN, f"{AGAIN} 01 01"),  # "x" is the version of no login
    "socks_half_a_login": (AGAIN, AGAIN, AGAIN),
    "socks_logged_in": ("", "", ""),
    "socks_at_the_wrong_port": ("05 ff", "05 ff", "05 ff"),
}


def answer_of(data: bytes) -> str:
    """Return what a client has read, in a word."""
    if data.startswith(b"HTTP/1.1 "):
        return data[9:12].decode()
    if data.startswith(b'{"type"'):
        return "problem"
    return data.decode() if data.isalpha() else data.hex(" ")


def test_every_state_is_in_the_table() -> None:
    assert list(ANSWERS) == [state.__name__ for state in STATES]


def connections(edge: Edge) -> int:
    """Sockets that the edge's reactor watches, listeners included."""
    return len(edge._reactor._watchers)


def nothing_left(here: EdgeSetup, before: int) -> bool:
    live = list(here.edge._charging.live_flows())
    return connections(here.edge) == before and not live and not here.access.held()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
async def test_nothing_is_left_of_a_half_open_client(
    tmp_path: Path, event: Callable[[Client], Awaitable[None]]
) -> None:
    async with edge_setup(tmp_path, origin, **QUICK) as here:
        before = connections(here.edge)
        clients: list[Client] = []
        for state in STATES:
            client = await state(here)
            clients.append(client)
            try:
                await event(client)
            except ConnectionError:
                continue  # the edge was quicker
        # The clients' ends stay open: it is the edge that lets go.
        await eventually(lambda: nothing_left(here, before), 20)
        if event is not resets:
            answers = {
                state.__name__: answer_of(await one.rest())
                for state, one in zip(STATES, clients, strict=True)
            }
            assert answers == {name: row[EVENTS.index(event)] for name, row in ANSWERS.items()}
        for client in clients:
            await client.close()


# A client that has said nothing is not accepted yet (TCP_DEFER_ACCEPT), so there is nothing to end.
@pytest.mark.parametrize("state", STATES[1:], ids=lambda state: state.__name__)
async def test_nothing_is_left_of_a_client_when_its_edge_stops(
    tmp_path: Path, state: Callable[[EdgeSetup], Awaitable[Client]]
) -> None:
    async with edge_setup(tmp_path, origin) as here:
        client = await state(here)
        await here.edge.stop()
        await client.rest()
        await client.close()
        assert not here.access.held()


async def test_a_client_that_has_finished_is_not_waited_for_as_long_as_one_that_listens(
    tmp_path: Path,
) -> None:
    """Its origin never answers: the flow, its lease and the connection are given back after the shorter time."""
    patient: dict[str, Any] = QUICK | {"idle_timeout_s": 300}
    async with edge_setup(tmp_path, origin, **patient) as here:
        before = connections(here.edge)
        client = await unanswered(here)
        await finishes(client)
        await eventually(lambda: nothing_left(here, before), 10)
        assert answer_of(await client.rest()) == "504"
        together = await said(here, "http", here.get("/never"))
        together.writer.write_eof()  # mostly in the packet of the request
        assert answer_of(await together.rest()) == "504"


# ── the origin's side ───────────────────────────────────────────────────────────────────────────────

ORIGIN_SAYS = {
    "unanswered": b"",
    "half_a_head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half_a_body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    "half_a_chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    "between_chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "without_an_end": b"HTTP/1.1 200 OK\r\n\r\nhalf",
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "whole": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf",
    "tunnel": b"half",
}
ORIGIN_EVENTS = ("finishes", "resets", "says_nothing", "says_one_byte_more")


def origin_that(
    says: bytes, event: str
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Say so much, then let the event happen, and stay as long as the other side does."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)
        writer.write(says)
        await writer.drain()
        await asyncio.sleep(0.05)  # what was said arrives apart from the event
        if event == "finishes":
            writer.write_eof()
        elif event == "resets":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        elif event == "says_one_byte_more":
            writer.write(b"x")
        while await reader.read(1 << 16):
            pass

    return talk


# What the client gets for each, in the same words, and whether it ends as it should.
CUT, END = "cut", "end"
OF_ORIGINS: dict[str, tuple[str, str, str, str]] = {
    #                  finishes   resets     nothing    one byte more
    "unanswered": ("502", "502", "504", "502"),  # "x" begins no status line
    "half_a_head": ("502", "502", "504", "504"),
    "half_a_body": ("200 cut", "200 cut", "200 cut", "200 cut"),
    "half_a_chunk": ("200 cut", "200 cut", "200 cut", "200 cut"),
    "between_chunks": ("200 cut", "200 cut", "200 cut", "200 cut"),
    "without_an_end": ("200 end", "200 end", "200 end", "200 end"),  # the close is all there is to tell
    "interim": ("103 502", "103 502", "103 504", "103 502"),
    "whole": ("200 end", "200 end", "200 end", "200 end"),
    "tunnel": (HALF, HALF, HALF, "halfx"),
}


def answer_after_origin(data: bytes) -> str:
    """Return what a client has read of an answer, in a word."""
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 "):
        return data.decode()
    status = answer_of(data)
    if status == "103":
        return f"103 {answer_after_origin(body)}"
    if status != "200":
        return status
    chunked = b"chunked" in head
    length = re.search(rb"Content-Length: (\d+)", head)
    whole = body.endswith(b"0\r\n\r\n") if chunked else length is None or len(body) == int(length[1])
    return f"200 {END if whole else CUT}"


@pytest.mark.parametrize("state", OF_ORIGINS)
async def test_what_an_origin_leaves_open_is_told_and_nothing_is_left(tmp_path: Path, state: str) -> None:
    answers: list[str] = []
    for event in ORIGIN_EVENTS:
        folder = tmp_path / event
        folder.mkdir()
        async with edge_setup(folder, origin_that(ORIGIN_SAYS[state], event), **QUICK) as here:
            before = connections(here.edge)
            if state == "tunnel":
                client = await tunnel(here)
                await client.send(b"hello")
            else:
                client = await said(here, "http", here.get("/"))
            answers.append(answer_after_origin(await client.rest()))
            await eventually(lambda here=here, before=before: nothing_left(here, before), 20)
            await client.close()
    assert tuple(answers) == OF_ORIGINS[state]
