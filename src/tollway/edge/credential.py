"""Credentials: how a client may prove who it is. One typed value for each kind, whatever protocol carries it.

The values are the contract's own messages, so a kind that the access service learns is known here at once.
"""

from tollway.contracts.access_pb2 import (
    AuthenticateRequest,
    PasswordCredential,
    PublicKeyCredential,
    SourceAddressCredential,
    TokenCredential,
    WireGuardPeerCredential,
)

Credential = (
    PasswordCredential
    | PublicKeyCredential
    | SourceAddressCredential
    | TokenCredential
    | WireGuardPeerCredential
)

_FIELDS = {
    field.message_type.name: field.name
    for field in AuthenticateRequest.DESCRIPTOR.oneofs_by_name["credential"].fields
    if field.message_type is not None
}


def fingerprint(credential: Credential) -> bytes:
    """Return bytes that no other credential has."""
    return credential.DESCRIPTOR.name.encode() + b"\0" + credential.SerializeToString(deterministic=True)


def authenticate_request(
    credential: Credential, protocol: str, client: str, node: str
) -> AuthenticateRequest:
    """Return the access service's message about a credential."""
    request = AuthenticateRequest(protocol=protocol, client_address=client, node=node)
    getattr(request, _FIELDS[credential.DESCRIPTOR.name]).CopyFrom(credential)
    return request


def password(username: str, secret: str) -> PasswordCredential:
    """Return a username and a password as a credential."""
    return PasswordCredential(username=username, secret=secret)
