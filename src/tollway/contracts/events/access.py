"""Events of access. Access and its use."""

from tollway.contracts.events.event import Event


class ResourceProvisioned(Event):
    topic, source = "RESOURCE_PROVISIONED", "access"
    resource_id: str
    user_id: str
    asset: str


class ResourceStateChanged(Event):
    topic, source = "RESOURCE_STATE_CHANGED", "access"
    resource_id: str
    user_id: str
    state: str
    reason: str


class CredentialIssued(Event):
    """`network` is from where clients are let in without a secret, of the kind `source_address`; else empty.

    `replaces` is the credential in whose place it was issued.
    """

    topic, source = "CREDENTIAL_ISSUED", "access"
    credential_id: str
    resource_id: str
    user_id: str
    kind: str = ""
    network: str = ""
    replaces: str = ""


class CredentialRevoked(Event):
    topic, source = "CREDENTIAL_REVOKED", "access"
    credential_id: str
    resource_id: str
    user_id: str
    reason: str = ""


class ConnectionEnded(Event):
    """An operator ended one connection of a customer, or the customer did, and why."""

    topic, source = "CONNECTION_ENDED", "access"
    session_id: str
    resource_id: str
    user_id: str
    reason: str


class ConnectionTestRequested(Event):
    """A customer asked for a test of the way through a proxy; `location` is empty where none was named."""

    topic, source = "CONNECTION_TEST_REQUESTED", "access"
    test_id: str
    resource_id: str
    user_id: str
    location: str = ""


class SessionAccounted(Event):
    """A flow ended and its use is settled to the byte."""

    topic, source = "SESSION_ACCOUNTED", "access"
    session_id: str
    resource_id: str
    user_id: str
    protocol: str
    input_octets: int
    output_octets: int
    terminate_cause: str


class ResourceChanged(Event):
    """A customer changed their access; `fields` are what is different."""

    topic, source = "RESOURCE_CHANGED", "access"
    resource_id: str
    user_id: str
    fields: list[str]
