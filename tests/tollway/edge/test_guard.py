"""The address guard: a table of what may and what may not be dialled."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.edge.guard import Guard
from tollway.kit.networks import SPECIAL_PURPOSE

ALLOWED = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.215.14 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 223.255.255.255 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001:81b::200e
2620:fe::fe 2400:cb00:2048:1::c629:d7a2
"""

DENIED_EXAMPLES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.8 192.0.0.192 192.0.2.1
192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255
:: ::1 ::8.8.8.8 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:0:8.8.8.8 64:ff9b::a00:1 64:ff9b::8.8.8.8 64:ff9b:1::1
100::1 2001::1 2001:0:53aa:64c:0:fbff:f5ff:fffe 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:a00:1:: 2002:808:808::1
3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 4000::1 8000::1 e000::1 fe80::1%eth0
2001:4860:4860::8888%1 localhost example.com 1 0x7f000001 127.1
"""


@pytest.mark.parametrize("address", ALLOWED.split())
def test_the_public_internet_may_be_dialled(address: str) -> None:
    assert Guard().denies(address, 443) == ""


@pytest.mark.parametrize("address", DENIED_EXAMPLES.split())
def test_everything_else_may_not(address: str) -> None:
    assert Guard().denies(address, 443) != ""


@given(st.sampled_from(sorted(SPECIAL_PURPOSE)), st.data())
def test_no_address_of_a_denied_network_passes(network: str, data: st.DataObject) -> None:
    address = data.draw(st.ip_addresses(network=network))
    assert Guard().denies(str(address), 80)


@given(st.ip_addresses(v=4))
def test_no_embedding_of_ipv4_passes_at_all(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    for outer in (
        0xFFFF << 32 | number,  # mapped
        number,  # compatible
        0x64FF9B << 96 | number,  # NAT64
        0x2002 << 112 | number << 80,  # 6to4
        0x2001_0000 << 96 | number,  # Teredo
    ):
        assert Guard().denies(str(ipaddress.IPv6Address(outer)), 80)


def test_an_operator_may_trust_a_network_but_never_the_platform_itself() -> None:
    guard = Guard(
        ["127.0.0.0/8", "10.9.0.0/16", "::1/128"], ["127.0.0.1:8001", "10.9.0.5:5432", "[::1]:8001"]
    )
    assert guard.denies("127.0.0.1", 80) == ""
    assert guard.denies("10.9.1.2", 80) == ""
    assert guard.denies("10.8.1.2", 80) == "private"
    for address, port in (("127.0.0.1", 8001), ("10.9.0.5", 5432), ("::1", 8001), ("0:0:0:0:0:0:0:1", 8001)):
        assert guard.denies(address, port) == "a service of the platform"


@pytest.mark.parametrize("everywhere", ["0.0.0.0:3128", "[::]:3128"])
def test_a_service_that_listens_everywhere_is_denied_at_every_address_of_this_machine(
    everywhere: str,
) -> None:
    guard = Guard(["0.0.0.0/0", "::/0"], [everywhere])
    ours = {"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", *own_addresses()}
    for address in ours:
        assert guard.denies(address, 3128) == "a service of the platform", address
        assert not guard.denies(address, 3129)
    for address in ("192.0.2.1", "10.250.251.252", "2001:db8::1"):  # another machine's port is its own affair
        assert not guard.denies(address, 3128)


def own_addresses() -> set[str]:
    found = socket.getaddrinfo(socket.gethostname(), None, family=socket.AF_INET)
    return {str(each[4][0]) for each in found}


def test_a_target_of_no_address_is_this_machine() -> None:
    guard = Guard(["0.0.0.0/0", "::/0"], ["127.0.0.1:8001"])
    for address in ("0.0.0.0", "::", "::ffff:127.0.0.1"):
        assert guard.denies(address, 8001) == "a service of the platform"


def test_a_service_given_by_name_is_denied_wherever_it_is_now() -> None:
    guard = Guard(["0.0.0.0/0"], ["ledger.internal:9000"])
    assert guard.named_services == [("ledger.internal", 9000)]
    assert not guard.denies("10.0.0.7", 9000)
    guard.resolved("ledger.internal", 9000, ["10.0.0.7", "10.0.0.8"])
    assert guard.denies("10.0.0.7", 9000) == guard.denies("10.0.0.8", 9000) == "a service of the platform"
    guard.resolved("ledger.internal", 9000, ["10.0.0.9"])
    assert not guard.denies("10.0.0.7", 9000)
    assert guard.denies("10.0.0.9", 9000)
    assert not guard.denies("10.0.0.9", 9001)


def test_judgements_are_remembered_without_bound_on_trouble() -> None:
    guard = Guard()
    for number in range(60_000):
        guard.denies(str(ipaddress.IPv4Address(0x08000000 + number)), 80)
    assert guard.denies("10.0.0.1", 80) == "private"
