"""Where protocols listen, and what customers get as their address."""

import pytest
from pydantic import ValidationError

from tollway.edge.listener import ListenError
from tollway.edge.protocol_spec import advertised_address, listen_addresses
from tollway.edge.protocols import PROTOCOLS
from tollway.edge.settings import EdgeSettings


def edge(**advertise: object) -> EdgeSettings:
    return EdgeSettings.model_validate(
        {"advertise": {name.replace("all_", "*"): v for name, v in advertise.items()}}
    )


@pytest.mark.parametrize(
    ("settings", "http", "socks5"),
    [
        (edge(), ("10.0.0.7", 8080), ("10.0.0.7", 1080)),
        (edge(all_={"host": "proxy.example"}), ("proxy.example", 8080), ("proxy.example", 1080)),
        (edge(http={"port": 80}), ("10.0.0.7", 80), ("10.0.0.7", 1080)),
        (edge(all_={"host": "p.example"}, http={"port": 80}), ("p.example", 80), ("p.example", 1080)),
        (
            edge(all_={"host": "p.example"}, socks5={"host": "s.example"}),
            ("p.example", 8080),
            ("s.example", 1080),
        ),
        (edge(all_={"host": "2001:db8::7"}), ("2001:db8::7", 8080), ("2001:db8::7", 1080)),
    ],
)
def test_name_address_and_port_are_chosen_by_protocol(
    settings: EdgeSettings, http: tuple[str, int], socks5: tuple[str, int]
) -> None:
    assert advertised_address(settings, "http", "10.0.0.7", 8080) == http
    assert advertised_address(settings, "socks5", "10.0.0.7", 1080) == socks5


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "[::]", "0:0::0", "http://proxy.example", "a b", "p.example:80"]
)
def test_what_nobody_can_connect_to_is_refused(host: str) -> None:
    with pytest.raises(ValidationError):
        edge(all_={"host": host})


def test_a_protocol_that_is_not_known_is_named() -> None:
    with pytest.raises(ListenError, match=r"edge\.advertise: there is no protocol gopher"):
        listen_addresses(edge(gopher={"port": 70}), PROTOCOLS)
