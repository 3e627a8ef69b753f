"""Which hosts the mock answers as, and delivers webhooks to: loopback, and what an operator listed."""

import ipaddress
from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

from tollway.services.payments_mock.model.refusals import invalid


def host_of(address: str) -> str:
    """Return the host of a URL, or of `host:port`, in small letters and without brackets; empty when there is none."""
    try:
        return (urlsplit(address if "//" in address else f"//{address}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def is_known_host(host: str, listed: AbstractSet[str]) -> bool:
    """Return whether a host is loopback or listed. Names are not resolved: what they mean may change any moment."""
    if host in listed or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_receiver(url: str, listed: AbstractSet[str]) -> None:
    """Refuse to deliver webhooks to anybody but this platform. Raises Refused."""
    if not is_known_host(host_of(url), listed):
        raise invalid(
            "url",
            "The mock delivers webhooks to loopback only; list other hosts in payments_mock.hosts.",
            "url_invalid",
        )
