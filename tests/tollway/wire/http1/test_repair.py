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


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5, 3",
        b"Content-Length:",
        b"Content-Length: +5",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding:",
    ],
)
def test_where_no_body_can_follow_nothing_that_is_said_about_one_can_be_wrong(framing: bytes) -> None:
    for method, status in ((b"HEAD", 200), (b"GET", 304), (b"GET", 204)):
        reader = ResponseReader(method, tolerant=True)
        reader.feed(b"HTTP/1.1 %d S\r\nX: y\r\n%b\r\n\r\n" % (status, framing))
        head = reader.next_event()
        assert isinstance(head, ResponseHead)
        assert (head.status, head.framing) == (status, Framing.NONE)
        assert [name for name, _ in head.headers] == [b"X", b"Connection"]
    reader = ResponseReader(b"GET", tolerant=True)
    reader.feed(b"HTTP/1.1 200 S\r\n%b\r\n\r\n" % framing)
    with pytest.raises(BadMessage):
        reader.next_event()


@pytest.mark.parametrize("status", [100, 101, 103, 199])
def test_an_interim_response_has_no_length(status: int) -> None:
    reader = ResponseReader(b"GET", tolerant=True)
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\n" if status == 101 else b""
    reader.feed(b"HTTP/1.1 %d S\r\n%bContent-Length: 5\r\n\r\n" % (status, upgrade))
    head = reader.next_event()
    assert isinstance(head, ResponseHead)
    assert head.status == status
    assert not [name for name, _ in head.headers if name.lower() == b"content-length"]


@pytest.mark.parametrize(
    "odd",
    [
        b"HTTP/1.1 101 S\nUpgrade: websocket\nConnection: Upgrade\n\n",
        b"HTTP/1.1 101 S\r\nUpgrade : websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: WEBSOCKET\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: websocket,\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: ,websocket\t, ,\r\nConnection: Upgrade,\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: websocket, WebSocket\r\nConnection: , Upgrade\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nUpgrade:\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_a_switch_of_protocols_in_an_odd_form_is_one(odd: bytes) -> None:
    reader = ResponseReader(b"GET", tolerant=True)
    reader.feed(odd + b"\x81\x02hi")
    head = reader.next_event()
    assert isinstance(head, ResponseHead)
    assert (head.status, head.upgrade) == (101, b"websocket")
    assert reader.rest() == b"\x81\x02hi"


def test_a_switch_to_no_protocol_is_refused_with_the_reason() -> None:
    reader = ResponseReader(b"GET", tolerant=True)
    reader.feed(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n")
    with pytest.raises(BadHead, match="does not say which"):
        reader.next_event()
