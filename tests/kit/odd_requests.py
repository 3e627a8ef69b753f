"""Odd targets and odd requests of clients, what becomes of them here, and what becomes of them in squid 5.7.

`verdict` is the status, and of what was carried the request line as the origin got it. Where squid's is another one the
reason says why ours is. In a request `{o}` is the origin as host:port, `{p}` its port, `{p6}` a closed port; and
AUTHORIZATION stands where a client's credentials go.
"""

from typing import NamedTuple

AUTHORIZATION = "@authorization@"
LATIN_1 = "@latin-1@"  # a byte that is not UTF-8

STRICT = "be strict with requests: two readers could take it for two things"
REASON = "both refuse; ours names the rule that was broken"
TLS = "squid opens TLS and FTP connections itself; we carry them by CONNECT, unread"
WEBSOCKET = "programs send it for WebSocket without TLS, and it means http"
FRAGMENT = "a fragment is the client's own affair (RFC 9110, section 7.1)"
USERINFO = "it hides where a URL leads, and may be a secret (RFC 9110, section 4.2.4)"
ENCODED = "what is not ASCII is percent-encoded (RFC 3986, section 2.1)"
EMPTY_PORT = "an empty port is the usual one (RFC 3986, section 3.2.3)"
BARE = "an IPv6 address without brackets is plain before a port, and many programs write it"
AS_SENT = "methods are case-sensitive and pass as they are"
TRACE = "it would show the client what other proxies added"
ASTERISK = "a URL without a path asks for the server as a whole (RFC 9112, section 3.2.4)"
LONG = "nothing forbids long URLs"
VERSION = "only HTTP/1.1 and HTTP/1.0 are spoken here"
BODY = "a body of GET is allowed, and framed"
BROKEN = "nothing was answered yet, so the answer can say what is wrong"
BRACKETS = "brackets are for IPv6 (RFC 3986, section 3.2.2)"


class OddRequest(NamedTuple):
    """One request, and what becomes of it."""

    name: str
    text: str
    verdict: str
    squid: str = ""
    why: str = ""


def get(url: str, *more: str, m: str = "GET", host: str | None = "{o}", v: str = "1.1") -> str:
    """Return a request with method `m`; `host` None leaves Host out."""
    lines = [f"{m} {url} HTTP/{v}", AUTHORIZATION, *([] if host is None else [f"Host: {host}"]), *more]
    return "\r\n".join([*lines, "", ""])


TARGETS = [
    OddRequest("a path", get("http://{o}/a"), "200 GET /a"),
    OddRequest("no path", get("http://{o}"), "200 GET /"),
    OddRequest("a query without a path", get("http://{o}?q"), "200 GET /?q"),
    OddRequest("upper case scheme", get("HTTP://{o}/a"), "200 GET /a"),
    OddRequest("empty port", get("http://127.0.0.1:/a"), "502", "400", EMPTY_PORT),
    OddRequest("ws", get("ws://{o}/a"), "200 GET /a", "501", WEBSOCKET),
    OddRequest("WS", get("WS://{o}/a"), "200 GET /a", "501", WEBSOCKET),
    OddRequest("wss", get("wss://{o}/a"), "400", "501", REASON),
    OddRequest("https", get("https://{o}/a"), "400", "waits", TLS),
    OddRequest("ftp", get("ftp://{o}/a"), "400", "waits", TLS),
    OddRequest("no scheme", get("{o}/a"), "400"),
    OddRequest("origin form", get("/a"), "400"),
    OddRequest("two slashes", get("//{o}/a"), "400"),
    OddRequest("fragment", get("http://{o}/a#frag"), "200 GET /a", "200 GET /a#frag", FRAGMENT),
    OddRequest("fragment without a path", get("http://{o}#frag"), "200 GET /", "200 GET /#frag", FRAGMENT),
    OddRequest(
        "fragment in a query", get("http://{o}/a?b#c?d"), "200 GET /a?b", "200 GET /a?b#c?d", FRAGMENT
    ),
    OddRequest("user", get("http://u@{o}/a"), "400", "200 GET /a", USERINFO),
    OddRequest("user and password", get("http://u:p@{o}/a"), "400", "200 GET /a", USERINFO),
    OddRequest("raw UTF-8", get("http://{o}/ä"), "200 GET /%C3%A4", "200 GET /Ã¤", ENCODED),
    OddRequest(
        "raw UTF-8 in a query",
        get("http://{o}/a?q=日本"),
        "200 GET /a?q=%E6%97%A5%E6%9C%AC",
        "200 GET /a?q=æ\x97¥æ\x9c¬",
        ENCODED,
    ),
    OddRequest("raw Latin-1", get("http://{o}/" + LATIN_1 + ""), "200 GET /%E4", "200 GET /ä", ENCODED),
    OddRequest("percent-encoded UTF-8", get("http://{o}/%C3%A4"), "200 GET /%C3%A4"),
    OddRequest("half a percent", get("http://{o}/100%"), "200 GET /100%"),
    OddRequest("a percent before letters", get("http://{o}/%zz"), "200 GET /%zz"),
    OddRequest("bar", get("http://{o}/a|b"), "200 GET /a|b"),
    OddRequest("braces", get("http://{o}/a{{b}}"), "200 GET /a{b}"),
    OddRequest("brackets in a query", get("http://{o}/a?b[]=1"), "200 GET /a?b[]=1"),
    OddRequest("quote", get('http://{o}/a"b'), '200 GET /a"b'),
    OddRequest("backslash", get("http://{o}/a\\b"), "200 GET /a\\b"),
    OddRequest("angle brackets", get("http://{o}/<a>"), "200 GET /<a>"),
    OddRequest("caret and backtick", get("http://{o}/^`"), "200 GET /^`"),
    OddRequest("blank", get("http://{o}/a b"), "400", "200 GET /ab", STRICT),
    OddRequest("tab", get("http://{o}/a\tb"), "400", "200 GET /ab", STRICT),
    OddRequest("dots", get("http://{o}/../a"), "200 GET /../a"),
    OddRequest("two slashes in the path", get("http://{o}//a"), "200 GET //a"),
    OddRequest("another Host", get("http://{o}/a", host="other.example"), "200 GET /a"),
    OddRequest("two Hosts", get("http://{o}/a", "Host: other.example"), "200 GET /a"),
    OddRequest("two equal Hosts", get("http://{o}/a", "Host: {o}"), "200 GET /a"),
    OddRequest("no Host", get("http://{o}/a", host=None), "200 GET /a"),
    OddRequest("empty Host", get("http://{o}/a", host=""), "200 GET /a"),
    OddRequest("a faulty Host", get("http://{o}/a", host="a b"), "200 GET /a"),
    OddRequest("a URL as Host", get("http://{o}/a", host="http://{o}/"), "200 GET /a"),
    OddRequest("Host with user", get("http://{o}/a", host="u@{o}"), "200 GET /a"),
    OddRequest("port 0", get("http://127.0.0.1:0/"), "400"),
    OddRequest("port 65536", get("http://127.0.0.1:65536/"), "400"),
    OddRequest("port with a sign", get("http://127.0.0.1:+{p}/a"), "400", "200 GET /a", STRICT),
    OddRequest("port with zeros", get("http://127.0.0.1:00{p}/a"), "200 GET /a"),
    OddRequest("no host", get("http:///a"), "400"),
    OddRequest("raw UTF-8 host", get("http://ä.invalid/a"), "400", "502", REASON),
    OddRequest("HTTP/1.0", get("http://{o}/a", v="1.0"), "200 GET /a"),
    OddRequest("CONNECT", get("{o}", m="CONNECT"), "200 tunnel"),
    OddRequest("CONNECT without a port", get("127.0.0.1", m="CONNECT"), "400", "503", REASON),
    OddRequest("CONNECT with a scheme", get("http://{o}", m="CONNECT"), "400", "500", REASON),
    OddRequest("CONNECT with a slash", get("{o}/", m="CONNECT"), "200 tunnel"),
    OddRequest("CONNECT to IPv6", get("[::1]:{p6}", m="CONNECT"), "502", "503", REASON),
    OddRequest("CONNECT to bare IPv6", get("::1:{p6}", m="CONNECT"), "502", "400", BARE),
    OddRequest("CONNECT to long bare IPv6", get("0:0:0:0:0:0:0:1:{p6}", m="CONNECT"), "502", "400", BARE),
    OddRequest("CONNECT to IPv6 without a port", get("[::1]", m="CONNECT"), "400", "503", REASON),
    OddRequest("a name in brackets", get("http://[localhost]:{p}/a"), "400", "200 GET /a", BRACKETS),
    OddRequest("IPv4 in brackets", get("http://[127.0.0.1]:{p}/a"), "400", "200 GET /a", BRACKETS),
    OddRequest(
        "CONNECT to IPv4 in brackets", get("[127.0.0.1]:{p}", m="CONNECT"), "400", "200 tunnel", BRACKETS
    ),
    OddRequest("CONNECT to bare nonsense", get("a:b:{p6}", m="CONNECT"), "400", "500", REASON),
    OddRequest("CONNECT with a faulty Host", get("{o}", m="CONNECT", host="a b"), "200 tunnel"),
    OddRequest("CONNECT without Host", get("{o}", m="CONNECT", host=None), "200 tunnel"),
    OddRequest("CONNECT HTTP/1.0", get("{o}", m="CONNECT", host=None, v="1.0"), "200 tunnel"),
]
REQUESTS = [
    OddRequest("VERSION-CONTROL", get("http://{o}/a", m="VERSION-CONTROL"), "200 VERSION-CONTROL /a"),
    OddRequest("RPC_IN_DATA", get("http://{o}/a", m="RPC_IN_DATA"), "200 RPC_IN_DATA /a"),
    OddRequest("BASELINE-CONTROL", get("http://{o}/a", m="BASELINE-CONTROL"), "200 BASELINE-CONTROL /a"),
    OddRequest("PROPFIND", get("http://{o}/a", m="PROPFIND"), "200 PROPFIND /a"),
    OddRequest("lower case method", get("http://{o}/a", m="get"), "200 get /a", "200 GET /a", AS_SENT),
    OddRequest("FOO", get("http://{o}/a", m="FOO"), "200 FOO /a"),
    OddRequest("odd method", get("http://{o}/a", m="M!$"), "200 M!$ /a"),
    OddRequest(
        "method of 64 letters",
        get("http://{o}/a", m="M" * 64),
        "200 MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM",
        "400",
        AS_SENT,
    ),
    OddRequest("method of 65 letters", get("http://{o}/a", m="M" * 65), "400"),
    OddRequest("method with a bracket", get("http://{o}/a", m="G(T"), "400"),
    OddRequest("method with a colon", get("http://{o}/a", m="GET:"), "400"),
    OddRequest("QUERY", get("http://{o}/a", m="QUERY"), "200 QUERY /a"),
    OddRequest("TRACE", get("http://{o}/a", m="TRACE"), "405", "200 TRACE /a", TRACE),
    OddRequest(
        "OPTIONS of the server", get("http://{o}", m="OPTIONS"), "200 OPTIONS *", "200 OPTIONS /", ASTERISK
    ),
    OddRequest("OPTIONS of the proxy", get("*", m="OPTIONS"), "400", "501", REASON),
    OddRequest("PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", "400", REASON),
    OddRequest("101 headers", get("http://{o}/a", *[f"X-{i}: y" for i in range(101)]), "200 GET /a"),
    OddRequest("500 headers", get("http://{o}/a", *[f"X-{i}: y" for i in range(500)]), "200 GET /a"),
    OddRequest("a header of 20 kB", get("http://{o}/a", "X: " + "y" * 20_000), "200 GET /a"),
    OddRequest("a header of 60 kB", get("http://{o}/a", "X: " + "y" * 60_000), "200 GET /a"),
    OddRequest("a header of 80 kB", get("http://{o}/a", "X: " + "y" * 80_000), "431"),
    OddRequest(
        "a URL of 7 kB", get("http://{o}/" + "a" * 7_000), "200 GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    ),
    OddRequest(
        "a URL of 30 kB",
        get("http://{o}/" + "a" * 30_000),
        "200 GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "400",
        LONG,
    ),
    OddRequest(
        "two blanks in the line", get("http://{o}/a").replace("GET ", "GET  "), "400", "200 GET /a", STRICT
    ),
    OddRequest("HTTP/1.2", get("http://{o}/a", v="1.2"), "400", "200 GET /a", VERSION),
    OddRequest("HTTP/2.0", get("http://{o}/a", v="2.0"), "505"),
    OddRequest("HTTP/0.9", "GET http://{o}/a\r\n", "waits", "200 GET /a", VERSION),
    OddRequest("no version", get("http://{o}/a").replace(" HTTP/1.1", ""), "400", "200 GET /a", STRICT),
    OddRequest(
        "lower case version",
        get("http://{o}/a").replace("HTTP/1.1", "http/1.1"),
        "400",
        "200 GET /ahttp/1.1",
        STRICT,
    ),
    OddRequest("blank lines before", "\r\n" + get("http://{o}/a"), "200 GET /a"),
    OddRequest("bare LF", get("http://{o}/a").replace("\r\n", "\n"), "400", "200 GET /a", STRICT),
    OddRequest("bare LF in one header", get("http://{o}/a", "X: y\nZ: 1"), "400", "200 GET /a", STRICT),
    OddRequest("bare CR in a value", get("http://{o}/a", "X: a\rb"), "400", "200 GET /a", STRICT),
    OddRequest("NUL in a value", get("http://{o}/a", "X: a\0b"), "400"),
    OddRequest("control character in a value", get("http://{o}/a", "X: a\x01b"), "400", "200 GET /a", STRICT),
    OddRequest("8-bit value", get("http://{o}/a", "X: ä"), "200 GET /a"),
    OddRequest("folded value", get("http://{o}/a", "X: a\r\n b"), "400", "200 GET /a", STRICT),
    OddRequest("blank before the colon", get("http://{o}/a", "X : y"), "400"),
    OddRequest("no colon", get("http://{o}/a", "nonsense"), "400"),
    OddRequest("empty name", get("http://{o}/a", ": y"), "400"),
    OddRequest("blank in a name", get("http://{o}/a", "Odd Name: y"), "400"),
    OddRequest("underscore in a name", get("http://{o}/a", "X_Y: z"), "200 GET /a"),
    OddRequest("empty value", get("http://{o}/a", "X:"), "200 GET /a"),
    OddRequest(
        "a length twice",
        get("http://{o}/a", "Content-Length: 2", "Content-Length: 2", m="POST") + "ab",
        "400",
        "200 POST /a",
        STRICT,
    ),
    OddRequest(
        "two lengths",
        get("http://{o}/a", "Content-Length: 2", "Content-Length: 3", m="POST") + "abc",
        "400",
        "411",
        REASON,
    ),
    OddRequest(
        "two equal lengths in one header",
        get("http://{o}/a", "Content-Length: 2, 2", m="POST") + "ab",
        "400",
        "200 POST /a",
        STRICT,
    ),
    OddRequest(
        "length with a plus", get("http://{o}/a", "Content-Length: +2", m="POST") + "ab", "400", "411", REASON
    ),
    OddRequest(
        "negative length", get("http://{o}/a", "Content-Length: -2", m="POST") + "ab", "400", "411", REASON
    ),
    OddRequest("empty length", get("http://{o}/a", "Content-Length:", m="POST"), "400", "411", REASON),
    OddRequest(
        "length and chunks",
        get("http://{o}/a", "Content-Length: 2", "Transfer-Encoding: chunked", m="POST") + "0\r\n\r\n",
        "400",
        "200 POST /a",
        STRICT,
    ),
    OddRequest(
        "chunks",
        get("http://{o}/a", "Transfer-Encoding: chunked", m="POST") + "2\r\nab\r\n0\r\n\r\n",
        "200 POST /a",
    ),
    OddRequest(
        "Chunked",
        get("http://{o}/a", "Transfer-Encoding: Chunked", m="POST") + "2\r\nab\r\n0\r\n\r\n",
        "200 POST /a",
    ),
    OddRequest(
        "identity", get("http://{o}/a", "Transfer-Encoding: identity", m="POST"), "400", "200 POST /a", STRICT
    ),
    OddRequest(
        "gzip, chunked",
        get("http://{o}/a", "Transfer-Encoding: gzip, chunked", m="POST") + "0\r\n\r\n",
        "501",
    ),
    OddRequest(
        "chunked, chunked",
        get("http://{o}/a", "Transfer-Encoding: chunked, chunked", m="POST") + "0\r\n\r\n",
        "400",
        "501",
        REASON,
    ),
    OddRequest(
        "xchunked",
        get("http://{o}/a", "Transfer-Encoding: xchunked", m="POST") + "0\r\n\r\n",
        "400",
        "501",
        REASON,
    ),
    OddRequest(
        "HTTP/1.0 with chunks",
        get("http://{o}/a", "Transfer-Encoding: chunked", m="POST", v="1.0") + "0\r\n\r\n",
        "400",
        "200 POST /a",
        STRICT,
    ),
    OddRequest("GET with a body", get("http://{o}/a", "Content-Length: 2") + "ab", "200 GET /a", "411", BODY),
    OddRequest(
        "DELETE with a body", get("http://{o}/a", "Content-Length: 2", m="DELETE") + "ab", "200 DELETE /a"
    ),
    OddRequest("POST without a length", get("http://{o}/a", m="POST"), "200 POST /a"),
    OddRequest(
        "chunk size with a blank",
        get("http://{o}/a", "Transfer-Encoding: chunked", m="POST") + "2 \r\nab\r\n0\r\n\r\n",
        "400",
        "closes",
        BROKEN,
    ),
    OddRequest(
        "bad chunk size",
        get("http://{o}/a", "Transfer-Encoding: chunked", m="POST") + "zz\r\nab\r\n0\r\n\r\n",
        "400",
        "closes",
        BROKEN,
    ),
    OddRequest("Expect of something", get("http://{o}/a", "Expect: the-unexpected"), "417"),
    OddRequest("Connection names Host", get("http://{o}/a", "Connection: Host"), "200 GET /a"),
    OddRequest(
        "Connection names Cookie", get("http://{o}/a", "Cookie: a", "Connection: Cookie"), "200 GET /a"
    ),
    OddRequest(
        "Upgrade to h2c",
        get("http://{o}/a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAM"),
        "200 GET /a",
    ),
]
