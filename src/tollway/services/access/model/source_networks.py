"""Source networks: from where an access may be used without a username and a password, and who may say so.

An address proves nothing but that packets to it arrive. So it counts for whoever was seen to come from it, one network
is one access's, and a network is small: who comes from the same one is let in, too.
"""

from dataclasses import dataclass
from ipaddress import ip_network

from tollway.kit.errors import Invalid
from tollway.kit.networks import Address, Network, read_address, why_not_public

_FIELD = "address"


@dataclass(frozen=True, slots=True)
class SourceRules:
    """What may be registered: networks no larger than these prefixes, and where `public_only` none that many share."""

    least_prefix_v4: int = 32
    least_prefix_v6: int = 64
    public_only: bool = True

    def check(self, text: str, caller: str) -> str:
        """Return a network as it is kept. `text` empty: the caller's address alone.

        Raises Invalid when it is none, too large, not public, or does not contain the address of the caller, who
        proves that way that it is theirs.
        """
        try:
            origin = read_address(caller)
        except ValueError:
            raise Invalid.of(
                _FIELD, "cannot be verified: it is not known from where this request comes"
            ) from None
        network = _network(text) if text else ip_network(origin)
        least = self.least_prefix_v4 if network.version == 4 else self.least_prefix_v6
        if network.prefixlen < least:
            raise Invalid.of(_FIELD, f"is too large a network: the largest here is /{least}")
        if self.public_only and (why := why_not_public(network)):
            raise Invalid.of(_FIELD, f"{network} is not an address of yours alone on the internet ({why})")
        if origin not in network:
            raise Invalid.of(
                _FIELD, f"must contain the address from which you send this request, which is {origin}"
            )
        return str(network)


def bounds(network: str) -> tuple[str, str]:
    """Return the first and the last address of a network, as `sortable` has them."""
    known = ip_network(network)
    return sortable(known.network_address), sortable(known.broadcast_address)


def sortable(address: Address) -> str:
    """Return text that sorts as addresses do: 32 hexadecimal digits, IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2)."""
    number = int(address) if address.version == 6 else (0xFFFF << 32) + int(address)
    return f"{number:032x}"


def _network(text: str) -> Network:
    try:
        return ip_network(text) if "/" in text else ip_network(read_address(text))
    except ValueError:
        raise Invalid.of(
            _FIELD, "must be an address or a network, such as 198.51.100.7 or 2001:db8:1:2::/64"
        ) from None
