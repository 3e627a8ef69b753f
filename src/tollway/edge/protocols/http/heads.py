"""Heads on their way through: absolute URLs, credentials, what ends at a proxy, and our own answers."""

import binascii
import json
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import NamedTuple

from tollway.contracts.access_pb2 import PasswordCredential
from tollway.edge.credential import password
from tollway.edge.protocols.http.refusals import answer_for, bad_request
from tollway.edge.refusal import LOOP, Refusal
from tollway.wire.http1 import (
    Framing,
    Headers,
    RequestHead,
    ResponseHead,
    strip_hop_by_hop,
    write_request_head,
    write_response_head,
)

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
PROXY_NAME = b"tollway"
WEBSOCKET = b"websocket"
_HTTP_PORT = 80
_FETCHED = frozenset((b"http", b"ws"))
_WRITTEN_HERE = frozenset((b"host", b"content-length"))
_EMPTY_LINE = b"  HTTP/1.1\r\n"
_PORTS = range(1, 65_536)


class Target(NamedTuple):
    """Where a request goes: the origin's name and port, and the path it is asked for."""

    host: str
    port: int
    authority: bytes
    path: bytes


def connect_target(target: bytes) -> Target | Refusal:
    """Read `host:port` (RFC 9110, section 9.3.6)."""
    found = _host_port(target, 0)
    return found if isinstance(found, Refusal) else Target(*found, target, b"")


def absolute_target(method: bytes, url: bytes) -> Target | Refusal:
    """Read `http://host[:port]/path` (RFC 9112, section 3.2.2)."""
    scheme, each, rest = url.partition(b"://")
    if not each:
        return bad_request(400, "This is a proxy: send the whole URL, or CONNECT")
    if scheme.lower() not in _FETCHED:
        return bad_request(400, "Only http:// and ws:// URLs are fetched here; use CONNECT for others")
    terminate = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
    authority, path = rest[:terminate], rest[terminate:]
    if b"@" in authority:
        return bad_request(400, "A URL with a username in it is not fetched")
    found = _host_port(authority, _HTTP_PORT)
    if isinstance(found, Refusal):
        return found
    if not path:
        path = b"*" if method == b"OPTIONS" else b"/"
    elif path.startswith(b"?"):
        path = b"/" + path
    return Target(*found, authority, path)


def credentials(headers: Headers) -> bytes | None:
    """Return what Proxy-Authorization says, empty when there are several; None when it is missing."""
    found = [value for name, value in headers if name.lower() == b"proxy-authorization"]
    if not found:
        return None
    return found[0] if len(found) == 1 else b""


def basic_login(authorization: bytes) -> PasswordCredential | None:
    """Read a username and a password from `Basic ...` (RFC 7617); None when it is something else."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        text = binascii.a2b_base64(encoded.strip(b" \t"), strict_mode=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    username, colon, secret = text.partition(":")
    return password(username, secret) if colon else None


def asks_for_websocket(head: RequestHead) -> bool:
    """Return whether a request asks to switch to WebSocket, the only protocol for which Upgrade is passed on.

    Any other would make a tunnel of the connection that the client goes on using for HTTP (RFC 9110, section 7.8).
    """
    offered = [protocol.strip() for protocol in head.upgrade.split(b",")]
    return WEBSOCKET in offered and head.method == b"GET" and head.framing is Framing.NONE


def request_fields(head: RequestHead, via: str) -> bytes | Refusal:
    """Return the headers for the origin, all but Host: nothing meant for us, nothing that identifies the client."""
    kept = strip_hop_by_hop(head.headers, head.connection)
    fields = [pair for pair in kept if pair[0].lower() not in _WRITTEN_HERE]
    if head.framing is Framing.CHUNKED:
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif head.length or any(name.lower() == b"content-length" for name, _ in kept):
        fields.append((b"Content-Length", b"%d" % head.length))
    if asks_for_websocket(head):
        fields += [(b"Connection", b"Upgrade"), (b"Upgrade", WEBSOCKET)]
    if via:
        if any(name.lower() == b"via" and via.encode() in value.split() for name, value in fields):
            return LOOP
        fields.append((b"Via", b"1.%d %b" % (head.minor, via.encode())))
    return write_request_head(b"", b"", fields)[len(_EMPTY_LINE) :]


def request_head(method: bytes, target: Target, fields: bytes) -> bytes:
    """Return the whole head for the origin: origin-form, and the URL's own Host."""
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b" % (method, target.path, target.authority, fields)


def response_head(
    head: ResponseHead, request: RequestHead, via: str, *, close: bool, raw: bytes = b""
) -> bytes:
    """Return the head for the client; `raw` is the head as it came, if that is known: mostly nothing changes."""
    fields = strip_hop_by_hop(head.headers, head.connection)
    as_it_came = raw and not (head.repaired or via or close)
    if as_it_came and len(fields) == len(head.headers) and head.minor and request.minor:
        return raw
    if via:
        fields.append((b"Via", b"1.%d %b" % (head.minor, via.encode())))
    if head.status == 101:
        fields += [(b"Connection", b"Upgrade"), (b"Upgrade", WEBSOCKET)]
    elif head.status >= 200:
        if head.framing is Framing.CHUNKED and request.minor:
            fields.append((b"Transfer-Encoding", b"chunked"))
        if close:
            fields.append((b"Connection", b"close"))
        elif not request.minor:
            fields.append((b"Connection", b"keep-alive"))
    return write_response_head(head.status, fields, head.reason)


def refusal_response(why: Refusal, realm: str, method: bytes) -> bytes:
    """Return our own answer: problem document (RFC 9457), Proxy-Status (RFC 9209), and the connection's end."""
    status, error = answer_for(why)
    document = {
        # A path would lead into the site that was asked for: the answer stands at its address (RFC 9457, 3.1.1).
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": why.detail,
        "code": why.code,
    }
    body = json.dumps(document).encode()
    headers = [
        (b"Content-Type", b"application/problem+json"),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
        (
            b"Proxy-Status",
            b'%b; error=%b; details="%b"' % (PROXY_NAME, error.encode(), why.code.encode()),
        ),
        (b"Connection", b"close"),
    ]
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        headers.append((b"Proxy-Authenticate", b'Basic realm="%b", charset="UTF-8"' % realm.encode()))
    if why.retry_after_s:
        headers.append((b"Retry-After", b"%d" % why.retry_after_s))
    return write_response_head(status, headers) + (b"" if method == b"HEAD" else body)


def _is_ipv6(host: bytes) -> bool:
    try:
        IPv6Address(host.decode("ascii"))
    except ValueError:
        return False
    return True


def _host_port(authority: bytes, default_port: int) -> tuple[str, int] | Refusal:
    if authority.startswith(b"["):
        host, bracket, rest = authority[1:].partition(b"]")
        port = rest[1:] if rest.startswith(b":") else b""
        well_formed = bracket and _is_ipv6(host) and (not rest or rest.startswith(b":"))
    else:
        # An IPv6 address without brackets, as many programs write it, is plain where a port must follow.
        host, _, port = authority.rpartition(b":") if not default_port else authority.partition(b":")
        well_formed = b":" not in port and (b":" not in host or _is_ipv6(host))
    number = int(port) if port.isdigit() and len(port.lstrip(b"0")) < 6 else (default_port if not port else 0)
    if not well_formed or not host or number not in _PORTS:
        return bad_request(400, "The target is not of the form host:port")
    if b"%" in host:  # raw UTF-8, as the reader has it
        return bad_request(400, "The target's name must be in its ASCII form (RFC 5890)")
    return host.decode("ascii").lower(), number  # names know no case (RFC 4343)
