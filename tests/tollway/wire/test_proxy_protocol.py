"""Not a byte more than the header is asked for, however it is cut; what is no header is said to be none."""

import pytest

from tollway.wire.proxy_protocol import NotProxied, ProxiedClient, missing_bytes, read_source

ADDRESSES = bytes((198, 51, 100, 7, 192, 0, 2, 1, 0x12, 0x67, 1, 187))
V2 = b"\r\n\r\n\x00\r\nQUIT\n"
HEADERS = [
    (b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n", ProxiedClient("198.51.100.7", 4711)),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 443\r\n", ProxiedClient("2001:db8::7", 65_535)),
    (b"PROXY UNKNOWN\r\n", ProxiedClient("", 0)),
    (V2 + b"\x21\x11\x00\x0c" + ADDRESSES, ProxiedClient("198.51.100.7", 4711)),
    (V2 + b"\x21\x11\x00\x0f" + ADDRESSES + b"\x04\x00\x00", ProxiedClient("198.51.100.7", 4711)),
    (V2 + b"\x20\x00\x00\x00", ProxiedClient("", 0)),
    (V2 + b"\x21\x31\x00\x02xx", ProxiedClient("", 0)),
]  # fmt: skip


@pytest.mark.parametrize(("header", "source"), HEADERS)
def test_a_header_is_read_to_its_last_byte_and_no_further(header: bytes, source: ProxiedClient) -> None:
    taken, stream = b"", header + b"GET / HTTP/1.1"
    while size := missing_bytes(taken):
        taken += stream[len(taken) : len(taken) + size]
    assert taken == header
    assert read_source(taken) == source
    for cut in range(len(header)):
        assert 0 < missing_bytes(header[:cut]) <= len(header) - cut or cut < 12


@pytest.mark.parametrize(
    "wrong",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 4711\r\n",
        b"PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 99999 1\r\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 1 2\n",
        b"PROXY " + b"x" * 200,
        V2 + b"\x31\x11\x00\x0c" + bytes(12),
        V2 + b"\x21\x11\xff\xff",
        V2 + b"\x21\x11\x00\x04" + bytes(4),
    ],
)
def test_what_is_no_header_is_refused(wrong: bytes) -> None:
    with pytest.raises(NotProxied):
        taken = b""
        while size := missing_bytes(taken):
            taken += wrong[len(taken) : len(taken) + size]
        read_source(taken)
