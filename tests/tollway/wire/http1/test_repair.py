"""Repaired heads: what is written anew is strict, and what has no single meaning is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.odd_responses import RESPONSES
from tollway.wire.http1 import BadMessage, Framing, ResponseHead, ResponseReader
from tollway.wire.http1.heads import BadHead
from tollway.wire.http1.repair import check_beginning, repair_response_head

ODDITIES = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK",
            b"\r\n",
            b"\n",
            b" ",
            b"\t",
            b"\r",
            b"X: y",
            b"Content-Length: 5",
            b"Content-Length: 6",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding : identity",
            b",",
            b"\x00",
            b"\x0b",
            b"\xff",
            b"Host: a",
            b"Upgrade: b",
            b"Connection: keep-alive",
            b":",
            b"5",
        ]
    ),
    max_size=14,
).map(b"".join)


@given(ODDITIES)
def test_a_repaired_head_is_read_by_the_strict_reader_and_says_the_same_once_more(odd: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + odd + b"\r\n\r\n"
    try:
        repaired = repair_response_head(head)
    except BadHead:
        return
    strict = ResponseReader(b"GET")
    strict.feed(repaired)
    parsed = strict.next_event()
    assert isinstance(parsed, ResponseHead)
    assert not parsed.keep_alive
    names = [name.lower() for name, _ in parsed.headers]
    framing = names.count(b"content-length") + names.count(b"transfer-encoding")
    assert framing == (parsed.framing is not Framing.UNTIL_CLOSE)
    assert repair_response_head(repaired) == repaired


@given(st.binary(max_size=40), st.integers(1, 40))
def test_no_beginning_of_an_accepted_head_is_refused(noise: bytes, cut: int) -> None:
    head = (
        b"HTTP/1.1 200 OK\nX: " + noise.replace(b"\n", b"").replace(b"\0", b"").replace(b"\r", b"") + b"\n\n"
    )
    repair_response_head(head)
    check_beginning(head[: min(cut, len(head) - 1)])


@pytest.mark.parametrize("odd", [odd for odd in RESPONSES if odd.wire], ids=lambda odd: odd.name)
def test_the_strict_reader_accepts_nothing_that_the_tolerant_one_refuses(odd: object) -> None:
    wire: bytes = odd.wire  # type: ignore[attr-defined]
    strict, tolerant = ResponseReader(b"GET"), ResponseReader(b"GET", tolerant=True)
    strict.feed(wire)
    tolerant.feed(wire)
    try:
        list(strict)
    except BadMessage:
        return
    list(tolerant)
