"""The record of one request: what was asked, by whom, which way it went, and what became of it.

Everything in the gateway that only computes (`answers`, `cors`, `outbound`, `access_log`) is a function of this
record; `admission` writes down who asks and which way, `forwarding` and `exchange` what became of it.
"""

import re

from tollway.gateway.auth import COOKIE, Verdict
from tollway.gateway.headers import DROP, named_by, request_fates, session_cookie
from tollway.gateway.peer import Peer
from tollway.gateway.plan import Plan
from tollway.gateway.problems import BAD_AUTHORITY, BAD_PATH, TWO_CREDENTIALS, Refusal
from tollway.gateway.routes import normal_path
from tollway.wire.http1 import RequestHead

_CORRELATION = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_SLASH = 0x2F
_ABSOLUTE = re.compile(rb"https?://([^/?]*)([/?].*)?", re.IGNORECASE)


class Request:
    """One request and its answer, in facts.

    What was asked: `head`; `path` (as it was sent until it is normalized) and `query`
    with its `?`; `lines`, the headers that are passed on, complete with their line ends; the values of those that
    the gateway looks at; `fault`, what is wrong with them. Who asks and which way it goes: `peer`, `verdict`,
    `by_cookie`, `plan`, `limit_lines`. What became of it: whether its body ended, whether it was `answered` (the
    client got the head of an answer), whether the connection is `closing` after it, and the figures of the log;
    `reason` is the code of a refusal made here, or why it was cut short.
    """

    __slots__ = (
        "agent",
        "answered",
        "authorization",
        "body_ended",
        "by_cookie",
        "bytes_in",
        "bytes_out",
        "closing",
        "cookie",
        "correlation",
        "correlation_id",
        "csrf",
        "fault",
        "fetch_site",
        "head",
        "id",
        "idempotency",
        "limit_lines",
        "lines",
        "origin",
        "path",
        "peer",
        "plan",
        "query",
        "reason",
        "started",
        "status",
        "traceparent",
        "upstream_s",
        "verdict",
    )

    def __init__(self, head: RequestHead, peer: Peer, plan: Plan, request_id: bytes, now: float) -> None:
        self.head = head
        self.path = head.target.partition(b"?")[0]
        self.agent = self.authorization = self.cookie = self.correlation = self.csrf = self.query = b""
        self.fetch_site = self.idempotency = self.origin = self.traceparent = self.limit_lines = b""
        self.lines: list[bytes] = []
        self.fault: Refusal | None = None
        self.id = self.correlation_id = request_id
        self.peer = peer
        self.plan = plan
        self.verdict: Verdict | None = None
        self.by_cookie = self.body_ended = self.answered = False
        self.closing = not head.keep_alive
        self.started = now  # monotonic
        self.status = self.bytes_out = 0
        self.bytes_in = head.size
        self.upstream_s = 0.0  # until the head of the upstream's answer
        self.reason = ""
        # Each header is passed on, or its value taken, or kept back.
        named = named_by(head.connection) if head.connection else ()
        keep = self.lines.append
        for name, value in head.headers:
            fate = request_fates[name]
            if fate is None:
                if not named or name.lower() not in named:
                    keep(b"%b: %b\r\n" % (name, value))
            elif fate is not DROP:
                field, passed_on = fate
                known = getattr(self, field)
                setattr(self, field, value if not known else self._again(field, known, value))
                if passed_on:
                    keep(b"%b: %b\r\n" % (name, value))
        if self.correlation and _CORRELATION.fullmatch(self.correlation):
            self.correlation_id = self.correlation

    def _again(self, field: str, known: bytes, value: bytes) -> bytes:
        """Handle a header that came before: cookies may, credentials must not, of others the last counts."""
        if field == "authorization":
            self.fault = TWO_CREDENTIALS
        return known + b"; " + value if field == "cookie" else value

    def take_session(self) -> bytes:
        """Take the session cookie out of the cookies; the others are passed on."""
        session, others = session_cookie(self.cookie, COOKIE)
        if others:
            self.lines.append(b"Cookie: %b\r\n" % others)
        return session

    def normalize(self) -> Refusal | None:
        """Bring the path into its one form, and part the query from it; or refuse a target that has none."""
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
