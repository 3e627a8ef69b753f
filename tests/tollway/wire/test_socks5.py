"""SOCKS5 as bytes: the RFCs' examples, messages cut anywhere, and rubbish."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.wire import socks5
from tollway.wire.socks5 import BadSocksMessage, SocksReply

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z0-9]{1,10}){0,3}", fullmatch=True)
WORDS = st.text(min_size=1, max_size=60).filter(lambda word: len(word.encode()) <= 255)


def test_a_greeting_lists_methods() -> None:
    assert socks5.read_greeting(b"\x05\x02\x00\x02") == (b"\x00\x02", 4)
    assert socks5.read_greeting(b"\x05\x01\x02\x01\x05") == (b"\x02", 3)


def test_a_login_is_a_username_and_a_password() -> None:
    assert socks5.read_login(b"\x01\x05alice\x06s3cret") == ("alice", "s3cret", 14)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (b"\x01\xc0\x00\x02\x07", "192.0.2.7"),
        (b"\x03\x0bexample.com", "example.com"),
        (b"\x03\x0c_srv.a-b.com", "_srv.a-b.com"),
        (b"\x04" + ipaddress.ip_address("2001:db8::7").packed, "2001:db8::7"),
    ],
)
def test_a_request_names_a_target(address: bytes, host: str) -> None:
    message = b"\x05\x01\x00" + address + b"\x01\xbb"
    request = socks5.read_request(message + b"early")
    assert request == (1, host, 443, SocksReply.SUCCEEDED, len(message))


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (b"\x05\x02\x00\x01\x08\x08\x08\x08\x00\x50", SocksReply.COMMAND_NOT_SUPPORTED),
        (b"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00", SocksReply.COMMAND_NOT_SUPPORTED),
        (b"\x05\x01\x00\x02\x08\x08\x08\x08\x00\x50", SocksReply.ADDRESS_TYPE_NOT_SUPPORTED),
        (b"\x05\x01\x00\x01\x08\x08\x08\x08\x00\x00", SocksReply.GENERAL_FAILURE),
        (b"\x05\x01\x00\x03\x00\x00\x50", SocksReply.GENERAL_FAILURE),
        (b"\x05\x01\x00\x03\x05a b/c\x00\x50", SocksReply.GENERAL_FAILURE),
        (b"\x05\x01\x00\x03\x05a\r\nb\x00\x00\x50", SocksReply.GENERAL_FAILURE),
        (b"\x05\x01\x00\x03\x03\xff\xfe\xfd\x00\x50", SocksReply.GENERAL_FAILURE),
    ],
)
def test_a_request_that_cannot_be_served_says_why(message: bytes, reply: SocksReply) -> None:
    request = socks5.read_request(message)
    assert request is not None
    assert request.refused is reply


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (socks5.read_greeting, b"GET / HTTP/1.1"),
        (socks5.read_greeting, b"\x04\x01\x00\x50"),
        (socks5.read_login, b"\x05\x05alice"),
        (socks5.read_login, b"\x01\x02\xff\xff\x01x"),
        (socks5.read_request, b"\x04\x01\x00\x01\x08\x08\x08\x08\x00\x50"),
    ],
)
def test_another_protocol_is_noticed(read: object, message: bytes) -> None:
    with pytest.raises(BadSocksMessage):
        read(message)  # type: ignore[operator]


def test_answers_are_what_the_rfcs_say() -> None:
    assert socks5.write_method(socks5.Method.PASSWORD) == b"\x05\x02"
    assert socks5.write_method(socks5.Method.NONE_ACCEPTABLE) == b"\x05\xff"
    assert socks5.write_login(accepted=True) == b"\x01\x00"
    assert socks5.write_login(accepted=False) == b"\x01\x01"
    assert socks5.write_reply(SocksReply.SUCCEEDED) == b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    assert len(socks5.write_reply(SocksReply.GENERAL_FAILURE)) == 10


@given(st.binary(min_size=1, max_size=255), st.binary(max_size=20))
def test_a_greeting_is_read_whole_or_not_at_all(methods: bytes, more: bytes) -> None:
    message = bytes((5, len(methods))) + methods
    assert socks5.read_greeting(message + more) == (methods, len(message))
    assert all(socks5.read_greeting(message[:cut]) is None for cut in range(len(message)))


@given(WORDS, WORDS, st.binary(max_size=20))
def test_a_login_is_read_whole_or_not_at_all(username: str, password: str, more: bytes) -> None:
    name, word = username.encode(), password.encode()
    message = bytes((1, len(name))) + name + bytes((len(word),)) + word
    assert socks5.read_login(message + more) == (username, password, len(message))
    assert all(socks5.read_login(message[:cut]) is None for cut in range(len(message)))


@given(NAMES | st.ip_addresses().map(str), st.integers(1, 65_535), st.binary(max_size=20))
def test_a_request_is_read_whole_or_not_at_all(host: str, port: int, more: bytes) -> None:
    try:
        packed = ipaddress.ip_address(host).packed
        address = bytes((1 if len(packed) == 4 else 4,)) + packed
        host = str(ipaddress.ip_address(host))
    except ValueError:
        address = bytes((3, len(host))) + host.encode()
    message = b"\x05\x01\x00" + address + port.to_bytes(2, "big")
    request = socks5.read_request(message + more)
    assert request is not None
    assert request.size == len(message)
    assert (request.port, request.refused) == (port, SocksReply.SUCCEEDED)
    assert request.host == host or ipaddress.ip_address(request.host) == ipaddress.ip_address(host)
    assert all(socks5.read_request(message[:cut]) is None for cut in range(len(message)))


@given(st.binary(max_size=600))
def test_rubbish_is_refused_or_waited_for(data: bytes) -> None:
    for read in (socks5.read_greeting, socks5.read_login, socks5.read_request):
        try:
            message = read(data)
        except BadSocksMessage:
            continue
        if message is not None:
            assert 0 < message.size <= len(data)
