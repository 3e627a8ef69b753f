"""Writing: what is written is what the readers read, and nobody's value makes a line of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.wire.http1 import (
    LAST_CHUNK,
    Data,
    RequestHead,
    RequestReader,
    ResponseReader,
    strip_hop_by_hop,
    write_chunk,
    write_request_head,
    write_response_head,
)


def test_a_request_head_survives_the_round_trip():
    reader = RequestReader()
    reader.feed(write_request_head(b"PUT", b"/x", [(b"Host", b"a"), (b"Content-Length", b"3")]))
    head = reader.next_event()
    assert isinstance(head, RequestHead)
    assert (head.method, head.target, head.headers) == (
        b"PUT",
        b"/x",
        ((b"Host", b"a"), (b"Content-Length", b"3")),
    )


@pytest.mark.parametrize(
    ("reason", "line"), [(b"", b"HTTP/1.1 404 Not Found"), (b"Nope", b"HTTP/1.1 404 Nope")]
)
def test_a_response_head_has_a_reason(reason: bytes, line: bytes):
    assert write_response_head(404, [(b"A", b"b")], reason) == line + b"\r\nA: b\r\n\r\n"


def test_an_unknown_status_has_an_empty_reason():
    assert write_response_head(299, []) == b"HTTP/1.1 299 \r\n\r\n"


@pytest.mark.parametrize("value", [b"a\r\nX: y", b"a\nX: y", b"a\rX"])
def test_a_value_cannot_make_a_line(value: bytes):
    with pytest.raises(ValueError, match="line end"):
        write_response_head(200, [(b"A", value)])
    with pytest.raises(ValueError, match="line end"):
        write_request_head(b"GET", b"/" + value, [])


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_chunks_survive_the_round_trip(payloads: list[bytes]):
    reader = ResponseReader(b"GET")
    reader.feed(write_response_head(200, [(b"Transfer-Encoding", b"chunked")]))
    reader.feed(b"".join(map(write_chunk, payloads)) + LAST_CHUNK)
    assert b"".join(e.payload for e in reader if isinstance(e, Data)) == b"".join(payloads)
    assert reader.done


def test_what_speaks_of_one_connection_is_not_passed_on():
    headers = [
        (b"Host", b"a"),
        (b"Connection", b"x-mine, keep-alive"),
        (b"X-Mine", b"1"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Proxy-Authorization", b"Basic x"),
        (b"TE", b"trailers"),
        (b"Upgrade", b"h2c"),
        (b"Transfer-Encoding", b"chunked"),
        (b"X-Kept", b"1"),
    ]
    assert strip_hop_by_hop(headers, (b"x-mine", b"keep-alive")) == [(b"Host", b"a"), (b"X-Kept", b"1")]
