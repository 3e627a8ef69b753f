"""The page "What is billed" is true: each of its rows is tried, and the bill compared with what crossed the wire."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.kit.edges import Client, EdgeSetup, edge_setup, web
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess

PAGE = Path(__file__).resolve().parents[2] / "docs/guide/what-is-billed.md"
WRONG = "Basic YWxpY2U6d3Jvbmc="


async def answer(client: Client, status: int) -> None:
    assert (await client.response())[0] == status
    await client.close()


async def a_tunnel(here: EdgeSetup) -> None:
    client = await here.tunnel()
    await client.send(b"GET /bytes/70000 HTTP/1.1\r\n\r\n")
    await answer(client, 200)


async def socks(here: EdgeSetup) -> None:
    client = await here.socks_tunnel()
    await client.send(b"GET /bytes/70000 HTTP/1.1\r\n\r\n")
    await answer(client, 200)


async def plain(here: EdgeSetup) -> None:
    client = await here.client()
    await client.send(here.get("/", "Content-Length: 30000", method="POST") + bytes(30_000))
    await answer(client, 200)


async def idle(here: EdgeSetup) -> None:
    client = await here.tunnel()
    await eventually(lambda: here.access.used() == here.on_the_wire)
    before = here.access.used()
    await asyncio.sleep(0.3)  # some reports long
    assert here.access.used() == before
    await client.close()


async def refused_target(here: EdgeSetup) -> None:
    client = await here.client()
    await client.send(here.connect_head("10.0.0.1:443"))
    await answer(client, 403)


async def unknown_name(here: EdgeSetup) -> None:
    client = await here.client()
    await client.send(here.connect_head("nothing.invalid:443"))
    await answer(client, 502)


async def closing_target(here: EdgeSetup) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    client = await here.client()
    await client.send(here.get("/", port=server.sockets[0].getsockname()[1]))
    await answer(client, 502)
    server.close()


async def no_login(here: EdgeSetup) -> None:
    for login in ("", WRONG):
        client = await here.client()
        await client.send(here.connect_head(login=login))
        await answer(client, 407)
    client, reply = await here.socks_ask("127.0.0.1", here.origin.port, password="wrong")
    assert reply == 256
    await client.close()


async def used_up(here: EdgeSetup) -> None:
    here.access.resources["res_alice"].holding = 0
    client = await here.client()
    await client.send(here.connect_head())
    await answer(client, 402)


async def not_active(here: EdgeSetup) -> None:
    here.access.resources["res_alice"].active = False
    client = await here.client()
    await client.send(here.connect_head())
    await answer(client, 403)


async def too_many(here: EdgeSetup) -> None:
    here.access.resources["res_alice"].max_flows = 1
    first = await here.tunnel()
    await eventually(lambda: here.access.used() == here.on_the_wire)
    before = here.access.used()
    client = await here.client()
    await client.send(here.connect_head())
    await answer(client, 429)
    await first.close()
    await eventually(lambda: not here.access.held())
    assert here.access.used() == before


async def unreadable(here: EdgeSetup) -> None:
    client = await here.client()
    await client.send(b"GET\x00 / HTTP/1.1\r\n\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 400 ")
    await client.close()


async def goes_away(here: EdgeSetup) -> None:
    client = await here.client()
    await client.send(here.get("/bytes/50000000"))
    await client.exactly(100_000)
    client.reset()


EVERYTHING, NOTHING, AT_MOST = "everything", "nothing", "at most what was sent"
Situation = Callable[[EdgeSetup], Awaitable[None]]
ROWS: dict[str, tuple[Situation, str]] = {
    "a tunnel (CONNECT)": (a_tunnel, EVERYTHING),
    "a SOCKS5 connection": (socks, EVERYTHING),
    "a plain HTTP request": (plain, EVERYTHING),
    "a connection that stays open and idle": (idle, EVERYTHING),
    "the target is refused: private address, denied port or domain": (refused_target, EVERYTHING),
    "the target's name is unknown, or it does not answer": (unknown_name, EVERYTHING),
    "the target closes before it answers": (closing_target, EVERYTHING),
    "no username or password, or a wrong one": (no_login, NOTHING),
    "the allowance is used up before the connection begins": (used_up, NOTHING),
    "the access is not active": (not_active, NOTHING),
    "too many connections at once": (too_many, AT_MOST),
    "the request cannot be read": (unreadable, NOTHING),
    "a client that goes away before it has received everything": (goes_away, AT_MOST),
}


def rows_of_the_page() -> dict[str, str]:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    return {what: billed for what, billed in rows if what != "what happens"}


def test_every_row_is_tried() -> None:
    assert list(rows_of_the_page()) == list(ROWS)


@pytest.mark.parametrize("what", ROWS)
async def test_the_row_is_true(tmp_path: Path, what: str) -> None:
    situation, billed = ROWS[what]
    says = rows_of_the_page()[what]
    assert says.startswith("nothing") == (billed == NOTHING or situation in (idle, too_many))
    access = FakeAccess()
    access.add()
    async with edge_setup(tmp_path, web, access) as here:
        await situation(here)
        if billed == NOTHING:
            await eventually(lambda: not access.held())
            assert access.used() == 0
            return
        await here.settled()
        assert (access.overdrawn, access.shortfall) == (0, 0)
        if billed == AT_MOST:
            assert access.used() <= here.on_the_wire
            return
        assert access.used() == here.on_the_wire
        if "about 600 bytes" in says:
            assert 450 <= access.used() <= 750
