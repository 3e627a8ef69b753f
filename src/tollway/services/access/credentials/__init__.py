"""The kinds of credential, each in a module of its own. Which of them an access takes is its own kind's choice."""

from tollway.services.access.credentials.kind import CredentialKind, Made, Presented, Public
from tollway.services.access.credentials.password import PASSWORD
from tollway.services.access.credentials.public_key import PUBLIC_KEY
from tollway.services.access.credentials.source_address import SOURCE_ADDRESS
from tollway.services.access.credentials.token import TOKEN
from tollway.services.access.credentials.wireguard_peer import WIREGUARD_PEER

__all__ = ["CREDENTIAL_KINDS", "CredentialKind", "Made", "Presented", "Public"]

CREDENTIAL_KINDS: dict[str, CredentialKind] = {
    kind.name: kind for kind in (PASSWORD, PUBLIC_KEY, WIREGUARD_PEER, TOKEN, SOURCE_ADDRESS)
}
"""By name, which is also the name of the field that carries one in `AuthenticateRequest`."""
