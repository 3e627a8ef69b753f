"""What an operator may change about the gateway. Times are seconds, sizes bytes."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from tollway.fabric.limits import Outage

Network = IPv4Network | IPv6Network
LimitName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")]


class LimitSettings(BaseModel):
    """A limit class: `quota` requests at once, refilled evenly over `window_s`, for each user or address.

    `outage`: when gateways share limits and cannot, each counts for itself (`local`), or all is refused (`refuse`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quota: int = Field(ge=1)
    window_s: float = Field(gt=0)
    by: Literal["user", "ip"] = "user"
    outage: Outage = "local"


class GatewaySettings(BaseModel):
    """Section `gateway`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 opens it to the network")
    port: int = Field(8000, ge=0, le=65_535, description="HTTP port; 0 takes a free one")
    tls_port: int = Field(8443, ge=0, le=65_535, description="HTTPS port, used when tls_cert is set")
    tls_cert: str = Field("", description="PEM file with the certificate chain; empty: no HTTPS")
    tls_key: str = Field("", description="PEM file with its private key")
    admin_host: str = Field("127.0.0.1", description="Address of the admin listener")
    admin_port: int = Field(
        8001, ge=0, le=65_535, description="Port of the admin API, /metrics and the health pages"
    )

    limits: dict[LimitName, LimitSettings] = Field(
        default_factory=lambda: dict(DEFAULT_LIMITS),
        description="Limit classes that routes refer to by name; a class that is not given keeps its default",
    )
    unknown_credentials: LimitSettings = Field(
        LimitSettings(quota=300, window_s=60, by="ip"),
        description="Checks of credentials that are not in the cache, for each address",
    )
    identity_cache_s: float = Field(60.0, gt=0, description="How long a valid credential is cached")
    failure_cache_s: float = Field(5.0, ge=0, description="How long an invalid credential is cached")
    identity_cache_size: int = Field(50_000, ge=1, description="Credentials cached at most")

    routes_poll_s: float = Field(
        2.0, ge=0, description="How often the files in routes.d are looked at; 0: never"
    )

    passwords_over_http: bool = Field(
        False, description="Whether passwords are taken over plain HTTP from other machines"
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Names by which clients call the gateway, besides those of network.public_url, own_origins and "
        "routes, localhost and addresses; * is any",
    )
    cors_origins: tuple[str, ...] = Field((), description="Foreign web origins that may call the API")
    own_origins: tuple[str, ...] = Field(
        (), description="Origins under which browsers know this gateway, besides scheme://Host"
    )

    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Networks of balancers and proxies whose X-Forwarded-For and -Proto are believed"
    )
    proxy_protocol: bool = Field(
        False,
        description="Whether connections from trusted proxies begin with a PROXY header (version 1 or 2)",
    )

    max_connections: int = Field(10_000, ge=1, description="Client connections at once")
    max_connections_per_client: int = Field(
        1_000,
        ge=1,
        description="Of these, from one address or IPv6 /64; trusted proxies may have more",
    )
    max_upstream_connections: int = Field(512, ge=1, description="Connections at once to each endpoint")
    head_timeout_s: float = Field(5.0, gt=0, description="Time for a client to send the head of a request")
    idle_timeout_s: float = Field(75.0, gt=0, description="Time between requests on a connection")
    write_timeout_s: float = Field(30.0, gt=0, description="Time a client may take no bytes of a response")
    body_bytes_per_s: int = Field(500, ge=0, description="Slowest accepted upload")
    body_grace_s: float = Field(10.0, gt=0, description="Time before the pace of an upload is checked")
    upstream_idle_timeout_s: float = Field(
        30.0, gt=0, description="How long an unused connection to an endpoint is kept"
    )
    websocket_idle_timeout_s: float = Field(
        300.0, gt=0, description="Silence after which a WebSocket is closed"
    )
    drain_timeout_s: float = Field(10.0, ge=0, description="Time for requests under way when stopping")

    line_limit_bytes: int = Field(8_192, ge=512, description="Longest request line or header line")
    head_limit_bytes: int = Field(16_384, ge=1_024, description="Largest request head")
    max_headers: int = Field(100, ge=1, description="Most headers in a request")

    access_log: str = Field("stderr", description="Where a line per request goes: stderr, off, or a file")

    @model_validator(mode="after")
    def _complete(self) -> "GatewaySettings":
        if self.tls_cert and not self.tls_key:
            raise ValueError("tls_cert is set but tls_key is not; HTTPS needs both")
        if self.proxy_protocol and not self.trusted_proxies:
            raise ValueError("proxy_protocol needs trusted_proxies: anybody could give any address otherwise")
        return self

    @field_validator("limits", mode="after")
    @classmethod
    def _with_defaults(cls, limits: dict[str, LimitSettings]) -> dict[str, LimitSettings]:
        return {**DEFAULT_LIMITS, **limits}


DEFAULT_LIMITS = {
    "default": LimitSettings(quota=100, window_s=60),
    "login": LimitSettings(quota=10, window_s=300, by="ip"),
    # What reads a whole history: it is done once at a time, however often it is asked for.
    "verification": LimitSettings(quota=6, window_s=600),
    "webhooks": LimitSettings(quota=1_000, window_s=60, by="ip"),
}
