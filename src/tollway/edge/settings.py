"""The edge's section of the settings. Every default runs on one machine, bound to loopback."""

from ipaddress import ip_address, ip_network
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class ListenerSettings(BaseModel):
    """Where one protocol listens."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(default="", description="Address; empty: the edge's host")
    port: int | None = Field(
        default=None, ge=0, le=65535, description="0 takes a free port; unset: the usual one"
    )


class AdvertiseSettings(BaseModel):
    """What customers get as the address of a protocol, where it differs from where it listens."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(
        default="",
        pattern=r"^[^\s:/@]*$|^[0-9a-fA-F:]+$",
        description="Name or address; empty: the listener's",
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="Unset: the listener's")

    @field_validator("host")
    @classmethod
    def _reachable(cls, host: str) -> str:
        if is_any_address(host):
            raise ValueError(f"nobody can connect to {host}; give a name or an address that customers reach")
        return host


def is_any_address(host: str) -> bool:
    """Return whether a host stands for all addresses of a machine, so that nobody can connect to it."""
    try:
        return ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


class EdgeSettings(BaseModel):
    """What an operator may tune; times are in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field("127.0.0.1", description="Address the proxies listen on")
    listeners: dict[str, ListenerSettings] = Field(
        {},
        description="By protocol (http, socks5, https), where it listens if not on `host` and its usual port",
    )
    advertise: dict[str, AdvertiseSettings] = Field(
        {},
        description="By protocol, or `*` for all, the host and port that customers get if not those of the listener",
    )
    capacity: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Connections that each worker is meant to carry at once, by which customers see the load of a "
        "location; 0: not said, so they see none",
    )
    share_ports: bool = Field(
        default=False, description="Several workers listen on the same ports (SO_REUSEPORT)"
    )
    tls_cert: str = Field(
        "",
        description="PEM file with the certificate chain of the proxy over TLS (https); empty: there is none, but in "
        "development one is made",
    )
    tls_key: str = Field("", description="PEM file with its private key; empty: it is in the same file")
    trusted_proxies: list[str] = Field(
        [],
        description="Networks (CIDR) of balancers in front of the proxies; their own addresses let nobody in",
    )
    proxy_protocol: bool = Field(
        default=False,
        description="Whether connections from trusted proxies begin with a PROXY header (version 1 or 2)",
    )
    realm: str = Field(
        "tollway", pattern=r"^[A-Za-z0-9 ._-]{1,64}$", description="Shown with a demand for credentials"
    )
    via: str = Field(
        "", pattern=r"^[A-Za-z0-9._:-]{0,64}$", description="Name put into Via (RFC 9110, 7.6.3); empty: none"
    )

    # What may be reached
    denied_ports: list[int] = Field([25], description="Ports of targets that nobody may reach")
    denied_domains: list[str] = Field([], description="Domains that nobody may reach, with all below them")
    denied_services: list[str] = Field(
        [],
        description="host:port that are always denied, besides the platform's own services as far as known here",
    )
    allow_ranges: list[str] = Field(
        [], description="Networks (CIDR) allowed although the address guard denies them"
    )

    test_url: str = Field(
        "",
        pattern=r"^$|^http://[A-Za-z0-9.\[\]:-]+(/[!-~]*)?$",
        description="http:// URL that connection tests ask for through the proxy, and that answers with the address it "
        "was asked from; empty: the node answers itself, which shows no outside address",
    )

    # How long things may take
    head_timeout_s: float = Field(10, gt=0, description="A client's first words, or one request head")
    connect_timeout_s: float = Field(10, gt=0, description="Reaching a target, all of its addresses together")
    lookup_timeout_s: float = Field(5, gt=0, description="Resolving a name")
    idle_timeout_s: float = Field(
        300, gt=0, description="A client or a request without a byte in either direction"
    )
    tunnel_idle_timeout_s: float = Field(900, gt=0, description="A tunnel without a byte in either direction")
    half_closed_timeout_s: float = Field(60, gt=0, description="A flow of which one side has finished")
    linger_timeout_s: float = Field(2, gt=0, description="Reading on after our last word, so that it arrives")
    name_ttl_s: float = Field(30, ge=0, description="How long a resolved name is remembered")
    origin_idle_s: float = Field(15, ge=0, description="How long an unused connection to an origin is kept")
    origin_idle_limit: int = Field(512, ge=0, description="Unused connections to origins kept at most")

    # Charging
    lease_min_bytes: int = Field(256 * 1024, gt=0)
    lease_max_bytes: int = Field(256 * 1024 * 1024, gt=0)
    lease_span_s: float = Field(
        10, gt=0, description="A lease should last about this long at the present rate"
    )
    lease_idle_s: float = Field(2, ge=0, description="A lease without a flow is given back after this")
    lease_keepalive_s: float = Field(
        240, gt=0, description="A lease is reported on at least this often, to keep it alive"
    )
    report_interval_s: float = Field(5, gt=0, description="Interim reports while a flow is active")
    stop_delay_s: float = Field(0.2, ge=0, description="Ended flows are gathered this long into one report")
    meter_sync_s: float = Field(
        1, gt=0, description="The meter file is synced this often: the bound for a power cut"
    )
    flow_log: str = Field("stderr", description="Where a line per ended flow goes: stderr, off, or a file")
    failed_login_cache_s: float = Field(2, ge=0, description="How long a refused login is remembered")
    exhausted_retry_s: float = Field(
        0.5, gt=0, description="How long an exhausted quota is not asked for again"
    )
    drain_s: float = Field(0, ge=0, description="How long live flows may go on after a stop was asked for")

    @model_validator(mode="after")
    def _balancers(self) -> Self:
        if self.proxy_protocol and not self.trusted_proxies:
            raise ValueError("proxy_protocol needs trusted_proxies: anybody could give any address otherwise")
        return self

    @field_validator("allow_ranges", "trusted_proxies")
    @classmethod
    def _networks(cls, ranges: list[str]) -> list[str]:
        for text in ranges:
            ip_network(text)
        return ranges

    @field_validator("denied_services")
    @classmethod
    def _endpoints(cls, services: list[str]) -> list[str]:
        for text in services:
            host, _, port = text.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{text!r} is not host:port")
        return services
