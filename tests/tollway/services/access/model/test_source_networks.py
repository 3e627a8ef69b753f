"""Which networks may be registered, and by whom."""

from ipaddress import ip_address

import pytest

from tollway.kit.errors import Invalid
from tollway.services.access.model.source_networks import SourceRules, bounds, sortable

PUBLIC = "93.184.216.34"
WIDE = SourceRules(least_prefix_v4=28, least_prefix_v6=56)


@pytest.mark.parametrize(
    ("text", "caller", "kept"),
    [
        ("", PUBLIC, "93.184.216.34/32"),
        ("", f"::ffff:{PUBLIC}", "93.184.216.34/32"),
        (f"::ffff:{PUBLIC}", PUBLIC, "93.184.216.34/32"),
        ("93.184.216.32/28", PUBLIC, "93.184.216.32/28"),
        ("2A00:1450:4001:0:0::/64", "2a00:1450:4001::8", "2a00:1450:4001::/64"),
        ("", "2a00:1450:4001::8", "2a00:1450:4001::8/128"),
    ],
)
def test_it_is_kept_in_one_form(text: str, caller: str, kept: str) -> None:
    assert WIDE.check(text, caller) == kept


@pytest.mark.parametrize(
    ("text", "caller", "why"),
    [
        ("93.184.216.0/27", PUBLIC, "/28"),
        ("0.0.0.0/0", PUBLIC, "/28"),
        ("2a00:1450:4000::/48", "2a00:1450:4000::1", "/56"),
        ("::/0", PUBLIC, "/56"),
        ("93.184.216.33/28", PUBLIC, "must be an address"),
        ("93.184.216", PUBLIC, "must be an address"),
        ("fe80::1%eth0", PUBLIC, "not an address of yours"),
        ("93.184.216.35", PUBLIC, "from which you send"),
        ("::ffff:93.184.216.0/120", PUBLIC, "not an address of yours"),
        ("", "", "not known"),
        ("", "unix:", "not known"),
    ],
)
def test_what_is_too_large_unreadable_or_somebody_elses_is_refused(text: str, caller: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        WIDE.check(text, caller)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.2", "172.16.0.1", "100.64.3.4", "169.254.169.254", "0.0.0.0",
     "198.51.100.7", "224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fc00::1", "2001:db8::1", "2002:a00:1::",
     "64:ff9b::a00:1", "ff02::1", "4000::1"],
)  # fmt: skip
def test_in_production_no_address_counts_that_many_have_or_nobody(address: str) -> None:
    with pytest.raises(Invalid, match="not an address of yours alone"):
        WIDE.check(address, address)
    development = SourceRules(public_only=False)
    assert development.check(address, address) == f"{ip_address(address)}/{ip_address(address).max_prefixlen}"


def test_a_network_that_reaches_into_a_private_one_is_refused() -> None:
    with pytest.raises(Invalid, match="not an address of yours alone"):
        SourceRules(least_prefix_v4=24).check("192.0.0.0/24", "192.0.0.200")


def test_text_sorts_as_addresses_do() -> None:
    order = [
        "0.0.0.0",
        "9.255.255.255",
        "10.0.0.0",
        "93.184.216.34",
        "255.255.255.255",
        "2001:db8::a",
        "ff::1",
    ]
    texts = [sortable(ip_address(one)) for one in order[:5]]
    assert texts == sorted(texts)
    assert (
        sortable(ip_address("2001:db8::9"))
        < sortable(ip_address("2001:db8::a"))
        < sortable(ip_address("ff00::"))
    )
    assert bounds("93.184.216.32/28") == (
        "00000000000000000000ffff5db8d820",
        "00000000000000000000ffff5db8d82f",
    )
