"""Requests: what is read, what is refused, and that cutting the bytes differently changes nothing."""

import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import smuggling
from tollway.wire.http1 import (
    BadBody,
    BadHead,
    BadMessage,
    Data,
    End,
    Framing,
    HeadLimits,
    RequestHead,
    RequestReader,
)

LIMITS = HeadLimits()
Events = list[RequestHead | Data | End]


def read(*pieces: bytes, limits: HeadLimits = LIMITS) -> list[Any]:
    reader = RequestReader(limits)
    events: list[Any] = []
    for piece in pieces:
        reader.feed(piece)
        events += reader
    return events


def refusal(wire: bytes, limits: HeadLimits = LIMITS) -> BadMessage:
    with pytest.raises(BadMessage) as raised:
        read(wire, limits=limits)
    return raised.value


def head_of(wire: bytes, limits: HeadLimits = LIMITS) -> RequestHead:
    head = read(wire, limits=limits)[0]
    assert isinstance(head, RequestHead)
    return head


# ── what is read ────────────────────────────────────────────────────────────────────────────────────


def test_a_plain_get_is_a_head_and_an_end():
    wire = b"GET /a?b=c HTTP/1.1\r\nHost: example.org:8000\r\nX-Odd-Case:  v v \t\r\n\r\n"
    head, end = read(wire)
    assert head == RequestHead(
        method=b"GET",
        target=b"/a?b=c",
        minor=1,
        headers=((b"Host", b"example.org:8000"), (b"X-Odd-Case", b"v v")),
        host=b"example.org:8000",
        framing=Framing.NONE,
        length=0,
        keep_alive=True,
        connection=(),
        upgrade=b"",
        expect_continue=False,
        size=len(wire),
    )
    assert end == End(0)


def test_a_body_with_a_length():
    head, data, end = read(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
    assert (head.framing, head.length) == (Framing.LENGTH, 5)
    assert (data, end) == (Data(b"hello", 5), End(0))


def test_a_chunked_body_loses_its_framing_extensions_and_trailers_but_no_byte_of_the_count():
    body = b"5;note=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"
    head, data, end = read(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert head.framing is Framing.CHUNKED
    assert data.payload == b"hello world"
    assert data.size + end.size == len(body)


def test_pipelined_requests_come_one_after_the_other():
    one = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    two = b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
    assert [getattr(e, "target", type(e).__name__) for e in read(one + two)] == [
        b"/1",
        "Data",
        "End",
        b"/2",
        "End",
    ]


def test_connect_leaves_the_rest_for_the_tunnel():
    reader = RequestReader()
    reader.feed(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n\x16\x03\x01")
    head = reader.next_event()
    assert isinstance(head, RequestHead)
    assert (head.method, head.target) == (b"CONNECT", b"example.org:443")
    assert reader.rest() == b"\x16\x03\x01"
    assert reader.rest() == b""


def test_an_upgrade_is_named_and_leaves_the_rest():
    reader = RequestReader()
    reader.feed(
        b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n\x81\x00"
    )
    head = reader.next_event()
    assert isinstance(head, RequestHead)
    assert head.upgrade == b"websocket"
    assert reader.next_event() == End(0)
    assert reader.rest() == b"\x81\x00"


@pytest.mark.parametrize(
    ("line", "header", "keep_alive"),
    [
        (b"GET / HTTP/1.1", b"", True),
        (b"GET / HTTP/1.1", b"Connection: close\r\n", False),
        (b"GET / HTTP/1.1", b"Connection: x, CLOSE\r\n", False),
        (b"GET / HTTP/1.0", b"", False),
        (b"GET / HTTP/1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_persistence(line: bytes, header: bytes, keep_alive: bool):
    assert head_of(line + b"\r\nHost: a\r\n" + header + b"\r\n").keep_alive is keep_alive


def test_an_old_client_needs_no_host():
    assert head_of(b"GET / HTTP/1.0\r\n\r\n").host == b""


def test_one_line_end_too_many_between_requests_is_forgiven_and_counted():
    wire = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert head_of(wire).size == len(wire)


def test_the_four_forms_of_a_target():
    for line in (b"GET /x", b"GET http://h/x", b"CONNECT [::1]:443", b"OPTIONS *"):
        target = line.split()[1]
        assert head_of(line + b" HTTP/1.1\r\nHost: h\r\n\r\n").target == target


def test_a_forward_proxy_tolerates_underscores():
    wire = b"GET http://h/ HTTP/1.1\r\nHost: h\r\nX_Custom: 1\r\n\r\n"
    assert head_of(wire, HeadLimits(underscores=True)).headers[1] == (b"X_Custom", b"1")
    assert refusal(wire).status == 400


@pytest.mark.parametrize("line", smuggling.UNDERSCORES.values(), ids=smuggling.UNDERSCORES)
def test_a_server_refuses_underscores_unless_it_drops_them_itself(line: bytes):
    wire = b"GET / HTTP/1.1\r\nHost: h\r\n" + line + b"\r\n"
    assert refusal(wire).status == 400
    assert head_of(wire, HeadLimits(underscores=True)).length == 0


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("row", smuggling.HEADERS)
def test_a_head_that_two_parsers_might_read_differently_is_refused(row: str):
    status, headers = smuggling.HEADERS[row]
    assert (
        refusal(b"POST / HTTP/1.1\r\n" + headers + b"\r\n" + b"0\r\n\r\nGET /stolen HTTP/1.1\r\n\r\n").status
        == status
    )


@pytest.mark.parametrize("line", smuggling.REQUEST_LINES, ids=lambda line: repr(line[:24]))
def test_an_odd_request_line_is_refused(line: bytes):
    assert refusal(line + b"\r\nHost: a\r\n\r\n").status == smuggling.REQUEST_LINES[line]


@pytest.mark.parametrize("body", smuggling.CHUNKS, ids=lambda body: repr(body[:24]))
def test_broken_chunks_are_refused(body: bytes):
    with pytest.raises(BadBody):
        read(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", body)


def test_a_flood_of_tiny_chunks_is_refused_and_short_lines_are_not():
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(BadBody, match="too small"):
        read(head, b"1\r\nx\r\n" * 5_000)
    line = b"14\r\n" + b"a line of twenty byte"[:20] + b"\r\n"
    assert sum(e.size for e in read(head, line * 50_000, b"0\r\n\r\n")) == len(head) + len(line) * 50_000 + 5


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01\x02\x00",
        b"\x05\x01\x00",
        b"\r\n\r\n",
        b"\x00" * 64,
        b"hello there\r\n",
        b"GET / HTTP/1.1\nHost: a\n",
        b"A" * 30,
        b"GET /" + b"a" * 65_536,
    ],
    ids=lambda r: repr(r[:12]),
)
def test_rubbish_is_refused_without_waiting_for_its_end(rubbish: bytes):
    assert refusal(rubbish).status in {400, 414}


def test_after_an_error_nothing_is_served():
    reader = RequestReader()
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET /stolen HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(BadHead):
        reader.next_event()
    reader.feed(b"GET /stolen HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(BadHead):
        reader.next_event()
    assert reader.rest() == b""


# ── cutting the bytes differently changes nothing ───────────────────────────────────────────────────

tokens = st.text("abcdefghijklmnopqrstuvwxyzABC-", min_size=1, max_size=12).map(str.encode)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(
    lambda v: v.strip().encode()
)
reserved = {b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"}
headers = st.lists(st.tuples(tokens.filter(lambda n: n.lower() not in reserved), values), max_size=6)
payloads = st.binary(max_size=200)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """One valid request as bytes, and its payload."""
    lines = b"".join(n + b": " + v + b"\r\n" for n, v in draw(headers))
    payload = draw(payloads)
    chunked = draw(st.booleans())
    if not chunked:
        length = b"Content-Length: %d\r\n" % len(payload) if payload else b""
        return b"POST /x HTTP/1.1\r\nHost: a\r\n" + lines + length + b"\r\n" + payload, payload
    size = draw(st.integers(1, 50))
    chunks = [payload[i : i + size] for i in range(0, len(payload), size)]
    body = b"".join(b"%X\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
    return b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + lines + b"\r\n" + body, payload


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({p % (len(wire) + 1) for p in places}), len(wire)]
    return [wire[a:b] for a, b in pairwise(edges)]


def gist(events: Events) -> list[object]:
    """Events with neighbouring pieces of a body joined, and the sizes summed."""
    out: list[object] = []
    for event in events:
        if isinstance(event, Data) and out and isinstance(out[-1], bytes):
            out[-1] += event.payload
        else:
            out.append(event.payload if isinstance(event, Data) else type(event) is End or event)
    return [part for part in out if part != b""]


@given(st.lists(requests(), min_size=1, max_size=3), st.lists(st.integers(0, 5_000), max_size=8))
def test_split_anywhere_the_events_are_the_same_and_every_byte_is_counted(
    made: list[tuple[bytes, bytes]], places: list[int]
):
    wire = b"".join(one for one, _ in made)
    whole, pieces = read(wire), read(*cut(wire, places))
    assert gist(whole) == gist(pieces)
    assert [e for e in gist(pieces) if isinstance(e, bytes)] == [p for _, p in made if p]
    assert sum(e.size for e in whole) == sum(e.size for e in pieces) == len(wire)


@given(st.lists(requests(), min_size=1, max_size=2))
def test_byte_by_byte(made: list[tuple[bytes, bytes]]):
    wire = b"".join(one for one, _ in made)
    assert gist(read(*(wire[i : i + 1] for i in range(len(wire))))) == gist(read(wire))


@given(st.sampled_from(sorted(smuggling.HEADERS)), st.lists(st.integers(0, 400), max_size=5))
def test_split_anywhere_a_refusal_stays_a_refusal(row: str, places: list[int]):
    wire = b"POST / HTTP/1.1\r\n" + smuggling.HEADERS[row][1] + b"\r\n"
    with pytest.raises(BadHead):
        read(*cut(wire, places))


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_are_read_refused_or_waited_for(noise: bytes, places: list[int]):
    for wire in (
        noise,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + noise,
        b"POST / HTTP/1.1\r\nHost: a\r\n\r\n" + noise,
    ):
        reader = RequestReader()
        counted = 0
        try:
            for piece in cut(wire, places):
                reader.feed(piece)
                for event in reader:
                    counted += event.size
        except BadMessage:
            assert reader.rest() == b""
        else:
            assert counted + reader.waiting == len(wire)


# ── heads that come in tiny pieces ──────────────────────────────────────────────────────────────────


def test_a_head_sent_byte_by_byte_costs_about_what_its_length_does():
    head = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 150) for n in range(95))
    reader = RequestReader()
    before_s = time.process_time()
    for at in range(len(head)):
        reader.feed(head[at : at + 1])
        assert reader.next_event() is None
    assert time.process_time() - before_s < 0.8


@pytest.mark.parametrize("bad", [b"X: a\nY: b", b"X: a\x00b", b"X: a\rb", b"X: a\r\n\nb"])
@pytest.mark.parametrize("before", [b"", b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_what_no_head_may_contain_is_seen_wherever_it_is_cut(bad: bytes, before: bytes):
    start = before + b"GET / HTTP/1.1\r\nHost: a\r\n"
    for cut in range(1, len(start + bad)):
        reader = RequestReader()
        reader.feed((start + bad)[:cut])
        with pytest.raises(BadHead):  # before the head is complete
            list(reader)
            reader.feed((start + bad)[cut:] + b"x")
            list(reader)
