"""HTTP, HTTPS and SOCKS5 proxies, by the byte."""

from collections.abc import Sequence

from tollway.services.access.kinds.kind import Example, ResourceKind
from tollway.services.access.model.units import Unit

# curl's names; the h asks the proxy to resolve names, so that no DNS query leaks past it.
_SCHEMES = {"http": "http", "socks5": "socks5h", "https": "https"}
# What an endpoint carries: HTTPS goes through an HTTP proxy by CONNECT. An `https` endpoint is that proxy within TLS.
_CARRIED = {"http": ("http", "https"), "socks5": ("socks5",), "https": ("http", "https")}


def _url(protocol: str, host: str, port: int, username: str, password: str) -> str | None:
    if protocol not in _SCHEMES:
        return None
    literal = f"[{host}]" if ":" in host else host
    return f"{_SCHEMES[protocol]}://{username}:{password}@{literal}:{port}"


def _examples(protocol: str, url: str, sold: Sequence[str]) -> list[Example]:
    targets = {"http": "http://example.com/"}
    return [
        Example(carried, f"curl -x {url} {targets.get(carried, 'https://example.com/')}")
        for carried in _CARRIED[protocol]
        if carried in sold
    ]


PROXY = ResourceKind(
    name="proxy",
    protocols={"http": "http", "connect": "https", "socks5": "socks5"},
    credentials=("password", "source_address"),
    unit=Unit.BYTE,
    url=_url,
    examples=_examples,
)
