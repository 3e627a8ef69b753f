"""The record of one request: what was requested, by whom, on which route, and how it ended.

Everything in the gateway that only computes (`responses`, `cors`, `upstream_request`, the log) is a function of this
record; `admission` sets the identity and the route, `exchange` the result.
"""

import re

from tollway.contracts.clients import SESSION_COOKIE
from tollway.gateway.message.client import ClientIdentity, ClientInfo
from tollway.gateway.message.headers import DROP, named_by, request_rules, session_cookie
from tollway.gateway.message.problems import BAD_AUTHORITY, BAD_PATH, TWO_CREDENTIALS, GatewayRefusal
from tollway.gateway.route.path import normal_path
from tollway.gateway.route.table import CompiledRoute
from tollway.wire.http1 import RequestHead

COOKIE = SESSION_COOKIE.encode()
_CORRELATION = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_LISTS = {"cookie": b"; ", "forwarded_for": b", ", "forwarded_proto": b", "}
_SLASH = 0x2F
_ABSOLUTE = re.compile(rb"https?://([^/?]*)([/?].*)?", re.IGNORECASE)


class Request:
    """One request and its response.

    What was requested: `head`; `path` (as it was sent until it is normalized) and `query` with its `?`; `lines`, the
    headers that are passed on, complete with their line ends; the values of those that the gateway reads; `fault`, what
    is wrong with them. Who sent it, on which route: `client`, `identity`, `by_cookie`, `route`, `limit_lines`. How it
    ended: whether its body ended, whether it was `answered` (the client got the head of a response), whether the
    connection is `closing` after it, and the figures of the log; `reason` is the code of a refusal made here, or
    why it was cut short.
    """

    __slots__ = (
        "agent",
        "answered",
        "authorization",
        "body_ended",
        "by_cookie",
        "bytes_in",
        "bytes_out",
        "client",
        "closing",
        "cookie",
        "correlation",
        "correlation_id",
        "csrf",
        "fault",
        "fetch_site",
        "forwarded_for",
        "forwarded_proto",
        "head",
        "id",
        "idempotency",
        "identity",
        "limit_lines",
        "lines",
        "origin",
        "path",
        "query",
        "reason",
        "route",
        "started",
        "status",
        "traceparent",
        "upstream_s",
    )

    def __init__(
        self, head: RequestHead, client: ClientInfo, route: CompiledRoute, request_id: bytes, now: float
    ) -> None:
        self.head = head
        self.path = head.target.partition(b"?")[0]
        self.agent = self.authorization = self.cookie = self.correlation = self.csrf = self.query = b""
        self.fetch_site = self.idempotency = self.origin = self.traceparent = self.limit_lines = b""
        self.forwarded_for = self.forwarded_proto = b""  # believed of a trusted proxy only
        self.lines: list[bytes] = []
        self.fault: GatewayRefusal | None = None
        self.id = self.correlation_id = request_id
        self.client = client
        self.route = route
        self.identity: ClientIdentity | None = None
        self.by_cookie = self.body_ended = self.answered = False
        self.closing = not head.keep_alive
        self.started = now  # monotonic
        self.status = self.bytes_out = 0
        self.bytes_in = head.size
        self.upstream_s = 0.0  # until the head of the upstream's response
        self.reason = ""
        # Each header is passed on, or its value taken, or dropped.
        named = named_by(head.connection) if head.connection else ()
        keep = self.lines.append
        for name, value in head.headers:
            rule = request_rules[name]
            if rule is None:
                if not named or name.lower() not in named:
                    keep(b"%b: %b\r\n" % (name, value))
            elif rule is not DROP:
                field, passed_on = rule
                known = getattr(self, field)
                setattr(self, field, value if not known else self._again(field, known, value))
                if passed_on:
                    keep(b"%b: %b\r\n" % (name, value))
        if self.correlation and _CORRELATION.fullmatch(self.correlation):
            self.correlation_id = self.correlation

    def _again(self, field: str, known: bytes, value: bytes) -> bytes:
        """Handle a header that came before: lists go on, credentials must not, of others the last counts."""
        if field == "authorization":
            self.fault = TWO_CREDENTIALS
        separator = _LISTS.get(field)
        return value if separator is None else known + separator + value

    def take_session(self) -> bytes:
        """Take the session cookie out of the cookies; the others are passed on."""
        session, others = session_cookie(self.cookie, COOKIE)
        if others:
            self.lines.append(b"Cookie: %b\r\n" % others)
        return session

    def normalize(self) -> GatewayRefusal | None:
        """Bring the path into its one form, and split the query from it; or refuse a target that has none."""
        target = self.head.target
        if target[0] != _SLASH:  # an absolute URL, or nothing for us
            absolute = _ABSOLUTE.fullmatch(target)
            if absolute is None:
                return BAD_PATH
            if absolute[1].lower() != self.head.host.lower():
                return BAD_AUTHORITY
            target = absolute[2] or b"/"
            if target.startswith(b"?"):
                target = b"/" + target
        path, mark, query = target.partition(b"?")
        normal = normal_path(path)
        if normal is None:
            return BAD_PATH
        self.path, self.query = normal, mark + query
        return None
