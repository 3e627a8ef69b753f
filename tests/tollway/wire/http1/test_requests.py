"""Requests: what is read, what is refused, and that cutting the bytes differently changes nothing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.wire.http1 import (
    BadBody,
    BadHead,
    BadMessage,
    Data,
    End,
    Framing,
    Limits,
    RequestHead,
    RequestReader,
)

LIMITS = Limits()
Events = list[RequestHead | Data | End]


def read(*pieces: bytes, limits: Limits = LIMITS) -> Events:
    reader = RequestReader(limits)
    events: Events = []
    for piece in pieces:
        reader.feed(piece)
        events += reader
    return events


def refusal(wire: bytes, limits: Limits = LIMITS) -> BadMessage:
    with pytest.raises(BadMessage) as raised:
        read(wire, limits=limits)
    return raised.value


def head_of(wire: bytes, limits: Limits = LIMITS) -> RequestHead:
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
    assert head_of(wire, Limits(underscores=True)).headers[1] == (b"X_Custom", b"1")
    assert refusal(wire).status == 400


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────

HOST = b"Host: a\r\n"
SMUGGLING: dict[str, tuple[int, bytes]] = {
    "TE and CL": (400, HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
    "CL and TE": (400, HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    "two different CL": (400, HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n"),
    "two equal CL": (400, HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n"),
    "CL list": (400, HOST + b"Content-Length: 3, 3\r\n"),
    "CL +5": (400, HOST + b"Content-Length: +5\r\n"),
    "CL 0x5": (400, HOST + b"Content-Length: 0x5\r\n"),
    "CL -1": (400, HOST + b"Content-Length: -1\r\n"),
    "CL empty": (400, HOST + b"Content-Length: \r\n"),
    "CL 5 5": (400, HOST + b"Content-Length: 5 5\r\n"),
    "CL 1_0": (400, HOST + b"Content-Length: 1_0\r\n"),
    "CL of 20 digits": (400, HOST + b"Content-Length: 18446744073709551621\r\n"),
    "CL with a space before the colon": (400, HOST + b"Content-Length : 5\r\n"),
    "TE with a space before the colon": (400, HOST + b"Transfer-Encoding : chunked\r\n"),
    "TE gzip, chunked": (501, HOST + b"Transfer-Encoding: gzip, chunked\r\n"),
    "TE identity": (400, HOST + b"Transfer-Encoding: identity\r\n"),
    "TE chunked, identity": (400, HOST + b"Transfer-Encoding: chunked, identity\r\n"),
    "TE xchunked": (400, HOST + b"Transfer-Encoding: xchunked\r\n"),
    "TE quoted": (400, HOST + b'Transfer-Encoding: "chunked"\r\n'),
    "TE with a vertical tab": (400, HOST + b"Transfer-Encoding: \x0bchunked\r\n"),
    "two TE": (400, HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    "TE folded": (400, HOST + b"Transfer-Encoding:\r\n chunked\r\n"),
    "bare CR in a value": (400, HOST + b"X: a\rb\r\n"),
    "NUL in a value": (400, HOST + b"X: a\x00b\r\n"),
    "control character in a value": (400, HOST + b"X: a\x01b\r\n"),
    "bare LF line end": (400, HOST + b"X: a\n"),
    "bare LF smuggling a header": (400, HOST + b"X: a\nContent-Length: 3\r\n"),
    "folded header": (400, HOST + b"X: a\r\n b\r\n"),
    "folded with a tab": (400, HOST + b"X: a\r\n\tb\r\n"),
    "first header folded": (400, b" X: a\r\n" + HOST),
    "header without a colon": (400, HOST + b"Nonsense\r\n"),
    "header without a name": (400, HOST + b": a\r\n"),
    "space in a name": (400, HOST + b"X Y: a\r\n"),
    "non-ASCII in a name": (400, HOST + b"X\xc3\xa4: a\r\n"),
    "NUL in a name": (400, HOST + b"X\x00: a\r\n"),
    "underscore in a name": (400, HOST + b"X_User_Id: usr_1\r\n"),
    "underscore hiding a length": (400, HOST + b"Content_Length: 5\r\n"),
    "no Host": (400, b"X: a\r\n"),
    "two Hosts": (400, HOST + HOST),
    "empty Host": (400, b"Host: \r\n"),
    "Host with a path": (400, b"Host: a/admin?\r\n"),
    "Host with user information": (400, b"Host: u@a\r\n"),
    "Host list": (400, b"Host: a, b\r\n"),
    "Host with a space": (400, b"Host: a b\r\n"),
    "two Upgrades": (400, HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n"),
    "unknown expectation": (417, HOST + b"Expect: miracles\r\n"),
    "501 headers": (431, HOST + b"X: a\r\n" * 500),
    "a header of 70 kB": (431, HOST + b"X: " + b"a" * 70_000 + b"\r\n"),
    "many lines, 70 kB": (431, HOST + (b"X: " + b"a" * 7_000 + b"\r\n") * 10),
}


@pytest.mark.parametrize("row", SMUGGLING)
def test_a_head_that_two_parsers_might_read_differently_is_refused(row: str):
    status, headers = SMUGGLING[row]
    assert (
        refusal(b"POST / HTTP/1.1\r\n" + headers + b"\r\n" + b"0\r\n\r\nGET /stolen HTTP/1.1\r\n\r\n").status
        == status
    )


REQUEST_LINES: dict[bytes, int] = {
    b"GET /": 400,
    b"GET  / HTTP/1.1": 400,
    b"GET / HTTP/1.1 ": 400,
    b"GET /\tHTTP/1.1": 400,
    b"get / HTTP/1.1": 400,
    b"G@T / HTTP/1.1": 400,
    b"BREW / HTTP/1.1": 501,
    b"GET / HTTP/2.0": 505,
    b"GET / HTTP/0.9": 505,
    b"GET / HTTP/1.2": 400,
    b"GET / HTTPS/1.1": 400,
    b"GET / HTTP/1.10": 400,
    b"PRI * HTTP/2.0": 400,
    b"GET x HTTP/1.1": 400,
    b"GET * HTTP/1.1": 400,
    b"GET /# HTTP/1.1": 400,
    b"GET /\x7f HTTP/1.1": 400,
    b"GET /\xc3\xa4 HTTP/1.1": 400,
    b"CONNECT /x HTTP/1.1": 400,
    b"CONNECT host HTTP/1.1": 400,
    b"CONNECT u@host:1 HTTP/1.1": 400,
    b"CONNECT http://host:1/ HTTP/1.1": 400,
    b"GET /" + b"a" * 9_000 + b" HTTP/1.1": 414,
}


@pytest.mark.parametrize("line", REQUEST_LINES, ids=lambda line: repr(line[:24]))
def test_an_odd_request_line_is_refused(line: bytes):
    assert refusal(line + b"\r\nHost: a\r\n\r\n").status == REQUEST_LINES[line]


CHUNKS: list[bytes] = [
    b"\r\n",
    b"g\r\n",
    b"-1\r\n",
    b"0x1\r\na\r\n",
    b"+1\r\na\r\n",
    b" 1\r\na\r\n",
    b"1\na\r\n",
    b"1\r\nab\r\n",
    b"1\r\na\n",
    b"1\r\na\rX",
    b"1;a\nb\r\na\r\n",
    b"1;a\x00\r\na\r\n",
    b"1" * 16 + b"\r\n",
    b"1;" + b"x" * 300 + b"\r\na\r\n",
    b"0\r\nbroken trailer\r\n\r\n",
    b"0\r\n folded: 1\r\n\r\n",
    b"0\r\nX: a\nY: b\r\n\r\n",
    b"0\r\n" + b"X: " + b"a" * 9_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("body", CHUNKS, ids=lambda body: repr(body[:24]))
def test_broken_chunks_are_refused(body: bytes):
    with pytest.raises(BadBody):
        read(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", body)


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


@given(st.sampled_from(sorted(SMUGGLING)), st.lists(st.integers(0, 400), max_size=5))
def test_split_anywhere_a_refusal_stays_a_refusal(row: str, places: list[int]):
    wire = b"POST / HTTP/1.1\r\n" + SMUGGLING[row][1] + b"\r\n"
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
