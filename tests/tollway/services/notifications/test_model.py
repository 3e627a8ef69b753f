"""Addresses that can be written to."""

import pytest

from tollway.kit.errors import Invalid
from tollway.services.notifications.model import check_address


@pytest.mark.parametrize("address", ["ada@example.com", "a+b@sub.example", "grüße@bücher.example"])
def test_plain_addresses_pass(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@x",
        "a@",
        "a@b, c@d",
        "Ada <ada@x.com>",
        "a@b\r\nBcc: c@d",
        "a@b@c",
        "a b@c",
        "a" * 250 + "@x.co",
    ],
)
def test_anything_else_does_not(address: str) -> None:
    with pytest.raises(Invalid, match="one plain e-mail address"):
        check_address(address)
