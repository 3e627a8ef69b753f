"""Networks that are nobody's own on the internet: private, shared, reserved, or IPv4 in the clothes of IPv6.

From the IANA special-purpose registries (RFC 6890 and its heirs), and the metadata services of clouds.
`ipaddress.is_global` passes some of them.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL_PURPOSE = {
    "0.0.0.0/8": "this network, unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT, and the metadata service of some clouds",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "cloud metadata",
    "169.254.0.0/16": "link-local, and the metadata service of most clouds",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments, and the metadata service of one cloud",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "automatic multicast tunnelling",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarks",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved, broadcast",
    "::/96": "unspecified, loopback, IPv4-compatible",
    "::ffff:0:0/96": "IPv4-mapped",
    "::ffff:0:0:0/96": "IPv4-translated",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "local NAT64",
    "100::/64": "discard",
    "100:0:0:1::/64": "dummy prefix",
    "2001::/23": "protocol assignments, Teredo, benchmarks, ORCHID",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "unique local, and metadata services",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_NETWORKS = [(ip_network(text), why) for text, why in SPECIAL_PURPOSE.items()]
_GLOBAL_UNICAST = ip_network("2000::/3")  # all of IPv6 that was given out so far


def read_address(text: str) -> Address:
    """Read an address; one of IPv4 that is written as one of IPv6 is what it stands for. Raises ValueError."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def why_not_public(network: Network) -> str:
    """Return what a network is for when any address in it is nobody's own on the internet; empty for a public one."""
    for special, why in _NETWORKS:
        if special.version == network.version and special.overlaps(network):  # type: ignore[arg-type]
            return why
    is_given_out = network.version == 4 or network.subnet_of(_GLOBAL_UNICAST)  # type: ignore[arg-type]
    return "" if is_given_out else "reserved"
