"""The address of a client as its credential, for one that said nothing of itself."""

from collections.abc import Iterable
from ipaddress import ip_network

from tollway.contracts.access_pb2 import SourceAddressCredential
from tollway.kit.networks import Address, read_address


class SourceAddresses:
    """Reads clients' addresses (`host:port`). That of a balancer is the address of all who come through it."""

    def __init__(self, balancers: Iterable[str] = ()) -> None:
        self._balancers = [ip_network(one) for one in balancers]

    def credential(self, client_address: str) -> SourceAddressCredential | None:
        """Return what the access service is asked about a client; None for a balancer, which is no client."""
        if self.is_balancer(client_address):
            return None
        return SourceAddressCredential(address=str(_address(client_address)))

    def is_balancer(self, client_address: str) -> bool:
        """Return whether a connection comes from a balancer of the operator's."""
        if not self._balancers:
            return False
        address = _address(client_address)
        return any(address in network for network in self._balancers)


def _address(client_address: str) -> Address:
    return read_address(client_address.rpartition(":")[0])
