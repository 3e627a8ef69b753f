"""The web's odd responses: what is plain is delivered, what is not is refused with the reason, squid beside."""

import asyncio
from pathlib import Path

import pytest

from tests.kit.edges import edge_setup
from tests.kit.odd_responses import RESPONSES, Odd
from tests.kit.proxy_verdicts import SQUID, squid, verdict_on
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
