"""Responses: what they mean depends on the request, and no answer is read twice."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.wire.http1 import BadBody, BadMessage, Data, End, Framing, ResponseHead, ResponseReader

Events = list[ResponseHead | Data | End]


def read(*pieces: bytes, method: bytes = b"GET") -> list[Any]:
    reader = ResponseReader(method)
    events: list[Any] = []
    for piece in pieces:
        reader.feed(piece)
        events += reader
    return events


def test_a_response_with_a_length():
    wire = b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX: y\r\n\r\n"
    head, data, end = read(wire + b"hi")
    assert head == ResponseHead(
        status=200,
        reason=b"Fine",
        minor=1,
        headers=((b"Content-Length", b"2"), (b"X", b"y")),
        framing=Framing.LENGTH,
        length=2,
        keep_alive=True,
        connection=(),
        upgrade=b"",
        size=len(wire),
    )
    assert (data, end) == (Data(b"hi", 2), End(0))


@pytest.mark.parametrize(
    ("method", "status", "framing"),
    [
        (b"HEAD", 200, Framing.NONE),
        (b"GET", 204, Framing.NONE),
        (b"GET", 304, Framing.NONE),
        (b"CONNECT", 200, Framing.NONE),
        (b"CONNECT", 407, Framing.LENGTH),
        (b"GET", 200, Framing.LENGTH),
    ],
)
def test_some_responses_never_have_a_body(method: bytes, status: int, framing: Framing):
    events = read(b"HTTP/1.1 %d X\r\nContent-Length: 9\r\n\r\n" % status, method=method)
    assert events[0].framing is framing
    assert (events[-1] == End(0)) is (framing is Framing.NONE)


def test_interim_responses_come_before_the_final_one():
    wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    wire += b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    events = read(wire)
    assert [e.status for e in events[:3]] == [100, 103, 200]
    assert sum(e.size for e in events) == len(wire)


def test_interim_responses_end():
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert read(*[interim] * 1_000, b"HTTP/1.1 204 No Content\r\n\r\n")[-2].status == 204
    with pytest.raises(BadMessage, match="do not end") as raised:
        read(*[interim] * 4_000)
    assert raised.value.status == 502


def test_a_switch_of_protocols_leaves_the_rest():
    reader = ResponseReader(b"GET")
    reader.feed(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"
    )
    events: list[Any] = list(reader)
    head, end = events
    assert (head.status, head.upgrade, end) == (101, b"websocket", End(0))
    assert reader.rest() == b"\x81\x02hi"


def test_a_body_until_the_end_of_the_connection():
    reader = ResponseReader(b"GET")
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\nsome")
    events: list[Any] = list(reader)
    head, data = events
    assert head.framing is Framing.UNTIL_CLOSE
    assert not head.keep_alive
    assert data.payload == b"some"
    assert not reader.done
    assert reader.eof() == End(0)
    assert reader.done


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
)
def test_an_early_end_is_an_error(wire: bytes):
    reader = ResponseReader(b"GET")
    reader.feed(wire)
    list(reader)
    with pytest.raises(BadBody):
        reader.eof()


def test_the_end_after_the_end_is_nothing():
    reader = ResponseReader(b"GET")
    reader.feed(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert len(list(reader)) == 2
    assert reader.eof() is None


def test_an_answer_nobody_asked_for_is_shown_and_not_read():
    reader = ResponseReader(b"GET")
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert [type(e) for e in reader] == [ResponseHead, End]
    assert reader.rest().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=lambda w: repr(w[:50]),
)
def test_what_breaks_the_rules_is_a_bad_gateway(wire: bytes):
    with pytest.raises(BadMessage) as raised:
        read(wire, b"\r\n\r\n")
    assert raised.value.status == 502


@given(st.binary(max_size=300), st.booleans(), st.lists(st.integers(0, 400), max_size=6))
def test_split_anywhere_the_body_is_the_same(payload: bytes, chunked: bool, places: list[int]):
    if chunked:
        chunks = [payload[i : i + 7] for i in range(0, len(payload), 7)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
        wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    else:
        wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(payload) + payload
    edges = [0, *sorted({p % (len(wire) + 1) for p in places}), len(wire)]
    events = read(*(wire[a:b] for a, b in pairwise(edges)))
    assert b"".join(e.payload for e in events if isinstance(e, Data)) == payload
    assert isinstance(events[-1], End)
    assert sum(e.size for e in events) == len(wire)
