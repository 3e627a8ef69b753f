"""The address of a client as its credential, for one that said nothing of itself."""

from tollway.contracts.access_pb2 import SourceAddressCredential
from tollway.kit.networks import read_address


def source_address(client_address: str) -> SourceAddressCredential:
    """Return what the access service is asked about a client (`host:port`)."""
    host = client_address.rpartition(":")[0]
    return SourceAddressCredential(address=str(read_address(host)))
