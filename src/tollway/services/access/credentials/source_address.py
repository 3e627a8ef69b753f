"""The address from which a client comes, for programs that cannot send a password: browsers over SOCKS5, old devices.

Nothing is compared. What was registered is a network (`model/source_networks.py`), and a client is in it or is not.
"""

from collections.abc import Sequence

from tollway.contracts.access_pb2 import SourceAddressCredential
from tollway.contracts.errors import BadCredentials
from tollway.kit.networks import read_address
from tollway.services.access.credentials.kind import Made, Presented, Public
from tollway.services.access.model import Credential
from tollway.services.access.model.source_networks import sortable


class SourceAddress:
    """Found by the network in which the client's address is."""

    name = "source_address"

    def make(self, given: str, live: Sequence[Credential]) -> Made:  # noqa: ARG002
        """Keep a network that was checked."""
        return Made(given)

    def parse(self, message: SourceAddressCredential) -> Presented:
        """Read the address. Raises BadCredentials when it is none."""
        try:
            return Presented("", within=sortable(read_address(message.address)))
        except ValueError:
            raise BadCredentials from None

    def verify(self, presented: Presented, found: Sequence[Credential]) -> Credential | None:  # noqa: ARG002
        """Return the credential whose network the address is in."""
        return found[0] if found else None

    def public(self, credential: Credential) -> Public:
        """Show the network."""
        return Public(network=credential.identifier)


SOURCE_ADDRESS = SourceAddress()
