"""Requests and targets as programs really write them: carried, or refused with the rule they break, squid beside."""

import asyncio
import base64
import contextlib
from pathlib import Path

import pytest

from tests.kit.edges import LOGIN, Origin, echo, edge_setup
from tests.kit.odd_requests import AUTHORIZATION, LATIN_1, REQUESTS, TARGETS, OddRequest
from tests.kit.proxy_verdicts import SQUID, squid, verdict_on

ODD = [*TARGETS, *REQUESTS]


async def repeats_the_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with the beginning of the request line."""
    head = await reader.readuntil(b"\r\n\r\n")
    line = head.split(b"\r\n")[0].rpartition(b" ")[0][:40]
    if b"chunked" in head.lower():
        await reader.readuntil(b"0\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(line) + line)


def wire(odd: OddRequest, port: int, authorization: str) -> bytes:
    text = odd.text.format(o=f"127.0.0.1:{port}", p=port, p6=1)
    line_end = "\r\n" if "\r\n" in text else "\n"
    credentials = f"{authorization}{line_end}" if authorization else ""
    text = text.replace(AUTHORIZATION + line_end, credentials)
    return text.encode().replace(LATIN_1.encode(), b"\xe4")


async def verdicts(proxy: int, origin: int, authorization: str = "") -> dict[str, str]:
    return {odd.name: await verdict_on(proxy, wire(odd, origin, authorization), shown=45) for odd in ODD}


async def test_what_is_plain_is_carried_and_the_rest_is_refused(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, repeats_the_line) as here:
        found = await verdicts(here.http.port, here.origin.port, f"Proxy-Authorization: {LOGIN}")
        assert found == {odd.name: odd.verdict for odd in ODD}
        await here.settled()


@pytest.mark.slow
@pytest.mark.skipif(SQUID is None, reason="squid is not installed")
async def test_squid_does_as_recorded(tmp_path: Path) -> None:
    async with Origin(repeats_the_line).serving() as origin, squid(tmp_path) as port:
        assert await verdicts(port, origin.port) == {odd.name: odd.squid or odd.verdict for odd in ODD}


def test_every_difference_has_its_reason() -> None:
    assert (len(TARGETS) >= 30, len(REQUESTS) >= 60) == (True, True)
    for odd in ODD:
        assert bool(odd.squid) == bool(odd.why), odd.name
        assert odd.squid != odd.verdict, odd.name


@pytest.mark.parametrize(
    "authority", ["[::1]:{}", "::1:{}", "0:0:0:0:0:0:0:1:{}", "[0:0::1]:{}", "::ffff:127.0.0.1:{}"]
)
async def test_a_tunnel_to_ipv6_with_or_without_brackets(tmp_path: Path, authority: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await echo(reader, writer)
        writer.close()

    host = "127.0.0.1" if "127" in authority else "::1"
    server = await asyncio.start_server(serve, host, 0)
    port = server.sockets[0].getsockname()[1]
    allowed = ["127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104"]
    async with edge_setup(tmp_path, allow_ranges=allowed) as here:
        client = await here.client()
        await client.send(here.connect_head(authority.format(port)) + b"ping")
        assert b" 200 " in await client.head()
        assert await client.exactly(4) == b"ping"
        await client.close()
        await here.settled()
    server.close()


@pytest.mark.parametrize("blanks", [" ", "  ", "   ", " \t", "\t "])
async def test_any_blanks_may_stand_behind_basic(tmp_path: Path, blanks: str) -> None:
    async with edge_setup(tmp_path, repeats_the_line) as here:
        client = await here.client()
        await client.send(here.get("/", login=LOGIN.replace(" ", blanks)))
        assert (await client.response())[0] == (407 if blanks.startswith("\t") else 200)
        await client.close()


async def test_a_uuid_is_a_session_label_and_a_refusal_says_what_is_wrong(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, repeats_the_line) as here:
        for label, status in (("550e8400-e29b-41d4-a716-446655440000", 200), ("a.b", 400)):
            client = await here.client()
            login = base64.b64encode(f"user-alice-session-{label}:s3cret".encode()).decode()
            await client.send(here.get("/", login=f"Basic {login}"))
            got, _, body = await client.response()
            assert got == status
            assert status == 200 or b"letters, digits and '_'" in body
            await client.close()
