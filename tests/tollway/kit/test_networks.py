"""Networks that are nobody's own."""

from ipaddress import ip_address, ip_network

import pytest

from tollway.kit.networks import read_address, why_not_public


@pytest.mark.parametrize("network", ["93.184.216.34/32", "8.8.8.0/24", "2a00:1450:4001::/64"])
def test_public_ones(network: str) -> None:
    assert why_not_public(ip_network(network)) == ""


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("10.0.0.1/32", "private"),
        ("0.0.0.0/0", "this network, unspecified"),
        ("100.127.255.255/32", "carrier-grade NAT, and the metadata service of some clouds"),
        ("::ffff:8.8.8.8/128", "IPv4-mapped"),
        ("4000::/64", "reserved"),
    ],
)
def test_others_and_what_they_are_for(network: str, why: str) -> None:
    assert why_not_public(ip_network(network)) == why


def test_a_mapped_address_is_what_it_stands_for() -> None:
    assert read_address("::ffff:8.8.8.8") == ip_address("8.8.8.8")
    assert read_address("2001:db8::1") == ip_address("2001:db8::1")
    with pytest.raises(ValueError, match="does not appear"):
        read_address("8.8.8.8/32")
