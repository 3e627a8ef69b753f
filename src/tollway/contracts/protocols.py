"""The protocols that access is sold for, as products name them."""

from typing import Literal, get_args

# What a customer's program speaks through the platform. `https` is CONNECT, or TLS to the proxy.
SoldProtocol = Literal["http", "https", "socks5"]
SOLD_PROTOCOLS: tuple[SoldProtocol, ...] = get_args(SoldProtocol)
