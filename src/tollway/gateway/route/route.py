"""What one route says: which requests it takes, where they go, and under which policy.

The platform's own routes are generated from the services' declarations; an operator writes more in files of
`routes.d`, with the fields of `Route`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What an API answers loads nothing; a route that serves pages for people has a policy of its own.
API_CONTENT_POLICY = "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  a token of HTTP's grammar (RFC 9110, section 5.6.2)
_TEMPLATE = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-]*|\{[A-Za-z_]\w*\}))+")
_TAIL = re.compile(r"/\{[A-Za-z_]\w*:path\}$")
# What frames a message or speaks of one connection is the gateway's own to set.
_RESERVED = {
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip

HeaderName = Annotated[str, StringConstraints(pattern=rf"^{_TOKEN}$", max_length=100)]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\t\x20-\x7e]*$", max_length=4_096)]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{1,253}$")]
Address = Annotated[
    str, StringConstraints(pattern=r"^(unix:/.+|(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5})$")
]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class HeaderChanges(BaseModel):
    """Headers to remove, and then headers to add."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    add: Mapping[HeaderName, HeaderValue] = Field(default_factory=dict)
    remove: tuple[HeaderName, ...] = ()

    @model_validator(mode="after")
    def _not_reserved(self) -> "HeaderChanges":
        for name in (*self.add, *self.remove):
            if name.lower() in _RESERVED:
                raise ValueError(f"{name} is set by the gateway alone")
        return self


class Route(BaseModel):
    """One route. Times are seconds, sizes bytes.

    A request matches when its host is one of `hosts` (empty: any), its path matches `path` or begins with `prefix` in
    whole segments, its method is one of `methods` (empty: any), and each of `headers` has the given value. In `path`,
    `{name}` stands for one segment and a `{name:path}` at the end for any rest. A literal segment goes before a
    parameter, a parameter before a rest.

    With `auth` `user` a valid session cookie or bearer token is needed; with `public` one is recognized when it is
    valid and ignored otherwise. `limit` names a limit class of the settings, or is `none`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    hosts: tuple[Host, ...] = ()
    path: str = ""
    prefix: str = ""
    methods: tuple[Method, ...] = ()
    headers: Mapping[HeaderName, HeaderValue] = Field(default_factory=dict)

    endpoints: tuple[Address, ...] = Field(min_length=1)
    cluster: str = ""  # routes of one cluster share a retry budget; the route's own name when empty
    balancer: Literal["least_requests", "round_robin"] = "least_requests"
    retries: int = Field(default=1, ge=0, le=5)  # further tries, where a request may be sent again

    kind: Literal["http", "websocket", "stream"] = "http"
    auth: Literal["public", "user"] = "user"
    limit: str = "default"
    forward_token: bool = False  # services get the access token; other upstreams get X-User-Id
    body_limit_bytes: int = Field(default=1 << 20, ge=0)  # 0 is no limit
    time_limit_s: float = Field(default=60.0, ge=0)  # for the whole exchange; 0 is no limit
    connect_timeout_s: float = Field(default=2.0, gt=0)
    response_timeout_s: float = Field(default=30.0, gt=0)  # until the head of the response, for each try
    idle_timeout_s: float = Field(default=60.0, gt=0)  # in which not a byte passes either way

    strip_prefix: bool = False
    replace_prefix: str = ""
    upstream_host: str = Field(
        default="", pattern=r"^[A-Za-z0-9.:\[\]-]*$"
    )  # the Host that the upstream gets
    request_headers: HeaderChanges = HeaderChanges()
    response_headers: HeaderChanges = HeaderChanges()
    content_policy: str = Field(default=API_CONTENT_POLICY, pattern=r"^[\x20-\x7e]*$")

    @property
    def pattern(self) -> str:
        """The path as a template; a prefix is the path itself and any rest."""
        return self.path or self.prefix

    @model_validator(mode="before")
    @classmethod
    def _limits_of_kind(cls, values: object) -> object:
        """WebSockets and streams have no limit of size and time unless one is given."""
        fields = cast("dict[str, Any]", values)
        if fields.get("kind", "http") != "http":
            return {"body_limit_bytes": 0, "time_limit_s": 0, "idle_timeout_s": 300.0, **fields}
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> "Route":
        if bool(self.path) == bool(self.prefix):
            raise ValueError("give either path or prefix")
        template = _TAIL.sub("/", self.path) if self.path else self.prefix
        if not _TEMPLATE.fullmatch(template) or (self.prefix and "{" in self.prefix):
            raise ValueError(f"{self.pattern!r} is not a path that begins with /")
        if not self.prefix and (self.strip_prefix or self.replace_prefix):
            raise ValueError("strip_prefix and replace_prefix need a prefix")
        if self.strip_prefix and self.replace_prefix:
            raise ValueError("give either strip_prefix or replace_prefix")
        if self.replace_prefix and not self.replace_prefix.startswith("/"):
            raise ValueError("replace_prefix begins with /")
        if self.kind == "websocket" and self.methods not in {(), ("GET",)}:
            raise ValueError("a WebSocket is opened with GET")
        return self
