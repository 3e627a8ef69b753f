"""Odd responses of origins, what the client gets of each, and what it gets through squid 5.7.

`verdict` is `status body`, with `cut` between them when the body ends early; `waits` when nothing ends. Where squid's
is another one the reason says why ours is.
"""

from typing import NamedTuple

H = b"HTTP/1.1 200 OK\r\n"
L = b"Content-Length: 5\r\n"
B = b"\r\nhello"
CH = b"Transfer-Encoding: chunked\r\n"
CB = b"\r\n5\r\nhello\r\n0\r\n\r\n"
OK = H + L + B

NOT_HTTP = "squid shows what is not HTTP as a page of HTTP/0.9; we do not, as it could be any protocol's port"
BLANK = "squid takes it for HTTP/0.9 and waits; the status line behind the blank line is plain"
CUT = "the head is cut off, and what is missing may have framed the body"
CHUNK = "squid breaks off after a 200; before the first byte of the body a 502 says more"
LOOSE = "the chunks are written anew, so one reading of them is enough"
STATUS = "sites answer with such statuses, and a client may show them"
REASON = "control characters of the reason become blanks"
LINE = "blanks and letters of the status line have one meaning only"
HANG = "squid waits for an end that has come"
LIST = "an empty element of a list means nothing (RFC 9110, section 5.6.1)"
NO_NUMBER = (
    "squid reads on to the end; a length that is no number is one that got lost (RFC 9112, section 6.3)"
)
BODYLESS = "no body can follow, so nothing that is said about one can be wrong"
ENDLESS = "interim responses cost nobody anything but us, and squid reads them for ever"
VERSION = "squid shows the whole answer as a page; the version is unknown"


class Odd(NamedTuple):
    """One answer: the bytes, what becomes of them, and whether the origin closes behind them."""

    name: str
    wire: bytes
    verdict: str
    squid: str = ""
    why: str = ""
    closes: bool = False


RESPONSES = [
    # line ends
    Odd("bare LF", OK.replace(b"\r\n", b"\n"), "200 hello"),
    Odd("bare LF, until close", b"HTTP/1.1 200 OK\n\nhello", "200 hello", closes=True),
    Odd("bare LF in one header", H + b"X: y\n" + L + B, "200 hello"),
    Odd("bare LF behind the status line", b"HTTP/1.1 200 OK\n" + L + B, "200 hello"),
    Odd("bare LF as blank line", H + L + b"\nhello", "200 hello"),
    Odd("blank line is LF CR LF", b"HTTP/1.1 200 OK\nContent-Length: 5\n\r\nhello", "200 hello"),
    Odd("bare CR in a value", H + b"X: a\rb\r\n" + L + B, "200 hello"),
    Odd("bare CR before CR LF", H + b"X: a\r\r\n" + L + B, "200 hello"),
    Odd("bare CR for line ends", OK.replace(b"\r\n", b"\r"), "502", closes=True),
    Odd("blank line before the status line", b"\r\n" + OK, "200 hello", "waits", BLANK),
    Odd("two blank lines before the status line", b"\r\n\r\n" + OK, "200 hello", "waits", BLANK),
    Odd("bare LF before the status line", b"\n" + OK, "200 hello", "waits", BLANK),
    Odd(
        "bare LF with chunks",
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
        "200 hello",
        "200 cut",
        LOOSE,
    ),
    # status line
    Odd("no reason", b"HTTP/1.1 200 \r\n" + L + B, "200 hello"),
    Odd("no blank behind the status", b"HTTP/1.1 200\r\n" + L + B, "200 hello"),
    Odd("two blanks before the status", b"HTTP/1.1  200 OK\r\n" + L + B, "200 hello", "502", LINE),
    Odd("tab before the status", b"HTTP/1.1\t200 OK\r\n" + L + B, "200 hello"),
    Odd("reason in Latin-1", b"HTTP/1.1 200 Tr\xe8s bien\r\n" + L + B, "200 hello"),
    Odd("reason in UTF-8", b"HTTP/1.1 200 \xe2\x9c\x93\r\n" + L + B, "200 hello"),
    Odd("control character in the reason", b"HTTP/1.1 200 O\x01K\r\n" + L + B, "200 hello", "502", REASON),
    Odd("status 299", b"HTTP/1.1 299 Odd\r\n" + L + B, "299 hello"),
    Odd("status 600", b"HTTP/1.1 600 Odd\r\n" + L + B, "600 hello", "502", STATUS),
    Odd("status 999", b"HTTP/1.1 999 Request denied\r\n" + L + B, "999 hello", "502", STATUS),
    Odd("status 99", b"HTTP/1.1 99 Odd\r\n" + L + B, "502", closes=True),
    Odd("status 1000", b"HTTP/1.1 1000 Odd\r\n" + L + B, "502", closes=True),
    Odd("status 000", b"HTTP/1.1 000 Odd\r\n" + L + B, "502", closes=True),
    Odd("status with letters", b"HTTP/1.1 20x OK\r\n" + L + B, "502", closes=True),
    Odd("negative status", b"HTTP/1.1 -20 OK\r\n" + L + B, "502", closes=True),
    Odd("no status", b"HTTP/1.1\r\n" + L + B, "502", closes=True),
    Odd("HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + L + B, "200 hello", closes=True),
    Odd("HTTP/1.2", b"HTTP/1.2 200 OK\r\n" + L + B, "200 hello"),
    Odd("HTTP/1.9", b"HTTP/1.9 200 OK\r\n" + L + B, "200 hello"),
    Odd("HTTP/2.0", b"HTTP/2.0 200 OK\r\n" + L + B, "502", "200 HTTP/2.0 2", VERSION, closes=True),
    Odd("HTTP/0.9 in words", b"HTTP/0.9 200 OK\r\n" + L + B, "502", "200 HTTP/0.9 2", VERSION, closes=True),
    Odd("HTTP/1.10", b"HTTP/1.10 200 OK\r\n" + L + B, "502", closes=True),
    Odd("HTTP/01.1", b"HTTP/01.1 200 OK\r\n" + L + B, "502", "200 HTTP/01.1", VERSION, closes=True),
    Odd("lower case http", b"http/1.1 200 OK\r\n" + L + B, "200 hello", "200 http/1.1 2", LINE, closes=True),
    Odd("ICY", b"ICY 200 OK\r\n" + L + B, "200 hello", closes=True),
    Odd("no status line at all", b"hello", "502", "200 hello", NOT_HTTP, closes=True),
    Odd("HTML without a head", b"<html>hello</html>", "502", "200 <html>hell", NOT_HTTP, closes=True),
    Odd("an SSH banner", b"SSH-2.0-OpenSSH_9.2\r\n", "502", "waits", NOT_HTTP),
    Odd(
        "a TLS alert",
        b"\x15\x03\x01\x00\x02\x02\x46",
        "502",
        "200 \x15\x03\x01\x00\x02\x02F",
        NOT_HTTP,
        closes=True,
    ),
    Odd("SMTP", b"220 mail ESMTP\r\n", "502", "waits", NOT_HTTP),
    # header lines
    Odd("blank before the colon", H + b"X : y\r\n" + L + B, "200 hello"),
    Odd("blank before the colon of Content-Length", H + b"Content-Length : 5\r\n" + B, "200 hello"),
    Odd("tab before the colon", H + b"X\t: y\r\n" + L + B, "200 hello"),
    Odd(
        "blank before the colon of Transfer-Encoding",
        H + b"Transfer-Encoding : chunked\r\n" + CB,
        "200 hello",
    ),
    Odd("no blank behind the colon", H + b"Content-Length:5\r\n" + B, "200 hello"),
    Odd("no colon", H + b"Nonsense\r\n" + L + B, "502"),
    Odd("blank in a name", H + b"Odd Name: y\r\n" + L + B, "502"),
    Odd("empty name", H + b": y\r\n" + L + B, "502"),
    Odd("empty value", H + b"X:\r\n" + L + B, "200 hello"),
    Odd("odd characters in a name", H + b"X(1)@: y\r\n" + L + B, "502"),
    Odd("8-bit name", H + b"X\xe9: y\r\n" + L + B, "502"),
    Odd("control character in a name", H + b"X\x01: y\r\n" + L + B, "502"),
    Odd("control character in a value", H + b"X: a\x01b\x7f\r\n" + L + B, "200 hello"),
    Odd("NUL in a value", H + b"X: a\x00b\r\n" + L + B, "502"),
    Odd("8-bit value", H + b"X: \xe9\r\n" + L + B, "200 hello"),
    Odd(
        "UTF-8 value", H + b"Content-Disposition: attachment; filename=\xc3\xa4.txt\r\n" + L + B, "200 hello"
    ),
    Odd("underscore in a name", H + b"X_Y: z\r\n" + L + B, "200 hello"),
    Odd("folded value", H + b"X: a\r\n b\r\n" + L + B, "200 hello"),
    Odd("folded by a tab", H + b"X: a\r\n\tb\r\n" + L + B, "200 hello"),
    Odd("folded empty line", H + b"X: a\r\n \r\n" + L + B, "200 hello"),
    Odd("folded Content-Length", H + b"Content-Length:\r\n 5\r\n" + B, "200 hello"),
    Odd("folded first header", H + b" X: y\r\n" + L + B, "200 hello"),
    Odd("blank before the first header", H + b" Content-Length: 5\r\n" + B, "200 hello", closes=True),
    Odd("repeated Host", H + b"Host: a\r\nHost: b\r\n" + L + B, "200 hello"),
    Odd("repeated Upgrade", H + b"Upgrade: h2\r\nUpgrade: h2c\r\n" + L + B, "200 hello"),
    Odd("Upgrade on offer", H + b"Upgrade: h2,h2c\r\nConnection: Upgrade\r\n" + L + B, "200 hello"),
    Odd(
        "repeated Connection",
        H + b"Connection: close\r\nConnection: close\r\n" + L + B,
        "200 hello",
        closes=True,
    ),
    Odd("Expect in a response", H + b"Expect: 100-continue\r\n" + L + B, "200 hello"),
    Odd("201 headers", H + b"".join(b"X-%d: y\r\n" % i for i in range(201)) + L + B, "200 hello"),
    Odd("900 headers", H + b"".join(b"X-%d: y\r\n" % i for i in range(900)) + L + B, "200 hello"),
    Odd("a header line of 20 kB", H + b"X: " + b"y" * 20_000 + b"\r\n" + L + B, "200 hello"),
    Odd("a header line of 60 kB", H + b"X: " + b"y" * 60_000 + b"\r\n" + L + B, "200 hello"),
    Odd("a head of 200 kB", H + b"X: " + b"y" * 200_000 + b"\r\n" + L + B, "502"),
    Odd("a head without end", H + b"X: y\r\n", "502", "200", CUT, closes=True),
    Odd("a status line without end", b"HTTP/1.1 200 OK", "502", "200", CUT, closes=True),
    # length
    Odd("two equal lengths", H + L + L + B, "200 hello"),
    Odd("two equal lengths in one header", H + b"Content-Length: 5, 5\r\n" + B, "200 hello"),
    Odd("three equal lengths", H + L + b"Content-Length: 5,5\r\n" + B, "200 hello"),
    Odd("two equal lengths, one with a zero", H + L + b"Content-Length: 05\r\n" + B, "200 hello"),
    Odd("length with a comma behind it", H + b"Content-Length: 5,\r\n" + B, "200 hello"),
    Odd("length with a comma before it", H + b"Content-Length: , 5\r\n" + B, "200 hello"),
    Odd("two equal lengths and empty members", H + b"Content-Length: ,5,, 5 ,\r\n" + B, "200 hello"),
    Odd("length and an empty length", H + L + b"Content-Length:\r\n" + B, "200 hello", "502", LIST),
    Odd(
        "nothing but commas for a length",
        H + b"Content-Length: ,,\r\n" + B,
        "502",
        "200 hello",
        NO_NUMBER,
        closes=True,
    ),
    Odd("two different lengths and an empty member", H + b"Content-Length: 5,,3\r\n" + B, "502", closes=True),
    Odd("two different lengths", H + L + b"Content-Length: 3\r\n" + B, "502", closes=True),
    Odd("two different lengths in one header", H + b"Content-Length: 5, 3\r\n" + B, "502", closes=True),
    Odd("length with a plus", H + b"Content-Length: +5\r\n" + B, "502", closes=True),
    Odd("negative length", H + b"Content-Length: -5\r\n" + B, "502", closes=True),
    Odd("length in hexadecimal", H + b"Content-Length: 0x5\r\n" + B, "502", closes=True),
    Odd("length with letters", H + b"Content-Length: 5 bytes\r\n" + B, "502", closes=True),
    Odd("length with a decimal point", H + b"Content-Length: 5.0\r\n" + B, "502", closes=True),
    Odd("empty length", H + b"Content-Length: \r\n" + B, "502", closes=True),
    Odd("length of 30 digits", H + b"Content-Length: " + b"9" * 30 + b"\r\n" + B, "502", closes=True),
    Odd("length with leading zeros", H + b"Content-Length: 00005\r\n" + B, "200 hello"),
    Odd("blanks around the length", H + b"Content-Length:   5  \r\n" + B, "200 hello"),
    Odd("more than the length", H + L + B + b" and more", "200 hello"),
    Odd("less than the length", H + b"Content-Length: 9\r\n" + B, "200 cut hello", closes=True),
    Odd("204 with a length", b"HTTP/1.1 204 No Content\r\n" + L + b"\r\n", "204"),
    Odd("204 with a body", b"HTTP/1.1 204 No Content\r\n" + L + B, "204"),
    Odd("304 with a length", b"HTTP/1.1 304 Not Modified\r\n" + L + b"\r\n", "304"),
    Odd("205 with a body", b"HTTP/1.1 205 Reset Content\r\n" + L + B, "205 hello"),
    Odd("100 with a length", b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n" + OK, "200 hello"),
    Odd("102 before", b"HTTP/1.1 102 Processing\r\n\r\n" + OK, "200 hello"),
    Odd(
        "304 with two lengths",
        b"HTTP/1.1 304 N\r\n" + L + b"Content-Length: 6\r\n\r\n",
        "304",
        "502",
        BODYLESS,
    ),
    Odd("304 with an empty length", b"HTTP/1.1 304 N\r\nContent-Length:\r\n\r\n", "304", "502", BODYLESS),
    Odd(
        "304 with a length with a plus",
        b"HTTP/1.1 304 N\r\nContent-Length: +5\r\n\r\n",
        "304",
        "502",
        BODYLESS,
    ),
    Odd(
        "304 with an unknown coding",
        b"HTTP/1.1 304 N\r\nTransfer-Encoding: gzip\r\n\r\n",
        "304",
        "502",
        BODYLESS,
    ),
    Odd("204 with two lengths", b"HTTP/1.1 204 N\r\n" + L + b"Content-Length: 6\r\n\r\n", "204"),
    Odd("103 with two lengths", b"HTTP/1.1 103 E\r\n" + L + b"Content-Length: 6\r\n\r\n" + OK, "200 hello"),
    Odd(
        "interim responses of 180 kB",
        (b"HTTP/1.1 103 E\r\nX: " + b"y" * 60_000 + b"\r\n\r\n") * 3 + OK,
        "502",
        "200 hello",
        ENDLESS,
    ),
    Odd("switch without a protocol", b"HTTP/1.1 101 S\r\n\r\n", "502"),
    # transfer codings
    Odd("length and chunks", H + L + CH + CB, "200 hello"),
    Odd("chunks and another length", H + CH + b"Content-Length: 3\r\n" + CB, "200 hello"),
    Odd("chunks and two lengths", H + CH + L + b"Content-Length: 3\r\n" + CB, "200 hello"),
    Odd("HTTP/1.0 with chunks", b"HTTP/1.0 200 OK\r\n" + CH + CB, "200 hello"),
    Odd("identity", H + b"Transfer-Encoding: identity\r\n" + L + B, "200 hello", "waits", HANG),
    Odd("identity until close", H + b"Transfer-Encoding: identity\r\n\r\nhello", "200 hello", closes=True),
    Odd("identity, chunked", H + b"Transfer-Encoding: identity, chunked\r\n" + CB, "502"),
    Odd("Chunked", H + b"Transfer-Encoding: Chunked\r\n" + CB, "200 hello"),
    Odd("CHUNKED with blanks", H + b"Transfer-Encoding:   CHUNKED \r\n" + CB, "200 hello"),
    Odd("chunked twice", H + CH + CH + CB, "502", closes=True),
    Odd("chunked, chunked", H + b"Transfer-Encoding: chunked, chunked\r\n" + CB, "502", closes=True),
    Odd("chunked, identity", H + b"Transfer-Encoding: chunked, identity\r\n" + CB, "502", closes=True),
    Odd("gzip, chunked", H + b"Transfer-Encoding: gzip, chunked\r\n" + CB, "502", closes=True),
    Odd("gzip", H + b"Transfer-Encoding: gzip\r\n" + L + B, "502", closes=True),
    Odd("unknown coding", H + b"Transfer-Encoding: xchunked\r\n" + L + B, "502", closes=True),
    Odd("empty coding", H + b"Transfer-Encoding:\r\n" + L + B, "502", closes=True),
    Odd("chunked with a comma", H + b"Transfer-Encoding: chunked,\r\n" + CB, "200 hello", "502", LIST),
    Odd("chunked with a parameter", H + b"Transfer-Encoding: chunked;q=1\r\n" + CB, "502", closes=True),
    Odd(
        "vertical tab before chunked",
        H + b"Transfer-Encoding: \x0bchunked\r\n" + CB,
        "200 hello",
        closes=True,
    ),
    # chunks
    Odd(
        "blanks behind a chunk size",
        H + CH + b"\r\n5  \r\nhello\r\n0\r\n\r\n",
        "200 hello",
        "200 cut",
        LOOSE,
    ),
    Odd("tab behind a chunk size", H + CH + b"\r\n5\t\r\nhello\r\n0\r\n\r\n", "200 hello", "200 cut", LOOSE),
    Odd(
        "blank before a chunk size",
        H + CH + b"\r\n 5\r\nhello\r\n0\r\n\r\n",
        "502",
        "200 cut",
        CHUNK,
        closes=True,
    ),
    Odd("leading zeros of a chunk size", H + CH + b"\r\n0000000005\r\nhello\r\n000\r\n\r\n", "200 hello"),
    Odd(
        "20 leading zeros of a chunk size",
        H + CH + b"\r\n" + b"0" * 20 + b"5\r\nhello\r\n0\r\n\r\n",
        "200 hello",
    ),
    Odd("chunk extension", H + CH + b"\r\n5;a=b\r\nhello\r\n0;c\r\n\r\n", "200 hello"),
    Odd(
        "chunk extension of 300 bytes",
        H + CH + b"\r\n5;a=" + b"b" * 300 + b"\r\nhello\r\n0\r\n\r\n",
        "200 hello",
    ),
    Odd(
        "chunk extension of 3 kB", H + CH + b"\r\n5;a=" + b"b" * 3000 + b"\r\nhello\r\n0\r\n\r\n", "200 hello"
    ),
    Odd(
        "chunk extension of 90 kB",
        H + CH + b"\r\n5;a=" + b"b" * 90_000 + b"\r\nhello\r\n0\r\n\r\n",
        "502",
        "200 cut",
        CHUNK,
        closes=True,
    ),
    Odd(
        "8-bit chunk extension",
        H + CH + b"\r\n5;a=\xe9\r\nhello\r\n0\r\n\r\n",
        "200 hello",
        "200 cut",
        LOOSE,
    ),
    Odd("quoted chunk extension", H + CH + b'\r\n5;a="b;c"\r\nhello\r\n0\r\n\r\n', "200 hello"),
    Odd(
        "chunk size with a sign",
        H + CH + b"\r\n+5\r\nhello\r\n0\r\n\r\n",
        "502",
        "200 cut",
        CHUNK,
        closes=True,
    ),
    Odd(
        "chunk size with 0x", H + CH + b"\r\n0x5\r\nhello\r\n0\r\n\r\n", "502", "200 cut", CHUNK, closes=True
    ),
    Odd("empty chunk size", H + CH + b"\r\n\r\nhello\r\n0\r\n\r\n", "502", "200 cut", CHUNK, closes=True),
    Odd(
        "chunk size of 2**64 + 5",
        H + CH + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
        "502",
        "200 cut",
        CHUNK,
        closes=True,
    ),
    Odd("bare LF behind a chunk size", H + CH + b"\r\n5\nhello\r\n0\r\n\r\n", "200 hello", "200 cut", LOOSE),
    Odd("bare LF behind a chunk", H + CH + b"\r\n5\r\nhello\n0\r\n\r\n", "502", "200 cut", CHUNK),
    Odd(
        "chunk longer than its size",
        H + CH + b"\r\n4\r\nhello\r\n0\r\n\r\n",
        "502",
        "200 cut",
        CHUNK,
        closes=True,
    ),
    Odd(
        "chunk shorter than its size",
        H + CH + b"\r\n6\r\nhello\r\n0\r\n\r\n",
        "502",
        "200 cut",
        CHUNK,
        closes=True,
    ),
    Odd("no last chunk", H + CH + b"\r\n5\r\nhello\r\n", "200 cut hello", closes=True),
    Odd(
        "no blank line behind the last chunk",
        H + CH + b"\r\n5\r\nhello\r\n0\r\n",
        "200 cut hello",
        closes=True,
    ),
    Odd("trailer", H + CH + b"\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", "200 hello"),
    Odd(
        "trailer with a blank before the colon", H + CH + b"\r\n5\r\nhello\r\n0\r\nX : y\r\n\r\n", "200 hello"
    ),
    Odd("trailer with bare LF", H + CH + b"\r\n5\r\nhello\r\n0\r\nX: y\n\n", "200 hello"),
    Odd("trailer without a colon", H + CH + b"\r\n5\r\nhello\r\n0\r\nnonsense\r\n\r\n", "200 hello"),
    Odd("trailer that frames", H + CH + b"\r\n5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n", "200 hello"),
    # endings
    Odd("until close", H + b"\r\nhello", "200 hello", closes=True),
    Odd("until close, empty", H + b"\r\n", "200", closes=True),
    Odd("nothing", b"", "502", closes=True),
    Odd("half a word", b"HT", "502", "200 HT", NOT_HTTP, closes=True),
    Odd("keep-alive of HTTP/1.0", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + L + B, "200 hello"),
    Odd("Proxy-Connection", H + b"Proxy-Connection: keep-alive\r\n" + L + B, "200 hello"),
    Odd(
        "Connection names a length", H + b"Connection: Content-Length\r\n" + L + B, "200 hello", "waits", HANG
    ),
    Odd("407 of an origin", b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\n' + L + B, "407"),
]
