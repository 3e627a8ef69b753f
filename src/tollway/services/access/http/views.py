"""What the routes of access take and show."""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, Field

from tollway.fabric.rest import (
    PRINTABLE,
    UnitsText,
    UtcTime,
    id_path,
)
from tollway.services.access.credentials import CREDENTIAL_KINDS
from tollway.services.access.model import Credential, Resource, ResourceState
from tollway.services.access.service.credentials import Issued
from tollway.services.access.store.nodes import NodeEndpoint

Label = Annotated[str, Field(max_length=100, pattern=PRINTABLE, examples=["my laptop"])]
Word = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,40}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
ResourceId = Annotated[str, id_path("res", "access")]
CredentialId = Annotated[str, id_path("crd", "credential")]

CredentialKindName = Literal["password", "public_key", "wireguard_peer", "token", "source_address"]


class LimitsView(BaseModel):
    """What all connections of an access may do together on one proxy node; 0: as much as the operator allows.

    Each node counts for itself, so over two nodes twice as much is possible. Only what is held is shared by all.
    """

    max_flows: int
    rate_limit_bytes_s: UnitsText


class CredentialView(BaseModel):
    """A credential without its secret, which was shown once. What its kind does not have is null."""

    id: str
    kind: CredentialKindName
    username: str | None
    public_key: str | None
    fingerprint: str | None
    address: str | None = Field(
        description="The network from which clients are let in without a password, `source_address` only"
    )
    label: str
    created_at: UtcTime
    last_used_at: UtcTime | None = Field(
        description="When a node last reported use of it, to the minute; null: never"
    )
    expires_at: UtcTime | None = Field(
        description="When it ends because it was replaced by another; null: it does not end by itself"
    )


class ResourceView(BaseModel):
    """An access: what it draws on and what it may do."""

    id: str
    kind: str
    asset: str
    protocols: tuple[str, ...]
    location: str
    tier: str
    state: ResourceState
    label: str
    limits: LimitsView
    created_at: UtcTime
    updated_at: UtcTime


class ResourceDetail(ResourceView):
    """An access with its live credentials."""

    credentials: list[CredentialView]


class EndpointView(BaseModel):
    """Where a node listens. An `http` proxy carries HTTPS too, by CONNECT; `https` is the same proxy within TLS."""

    protocol: str
    host: str
    port: int


class SecretView(BaseModel):
    """A fresh credential: keep its password or token, it is not shown again. What its kind does not have is null."""

    credential: CredentialView
    username: str | None
    password: str | None
    token: str | None


def credential_view(one: Credential) -> CredentialView:
    """Show a credential."""
    public = CREDENTIAL_KINDS[one.kind].public(one)
    return CredentialView(
        id=one.id,
        kind=cast("CredentialKindName", one.kind),
        username=public.username or None,
        public_key=public.public_key or None,
        fingerprint=public.fingerprint or None,
        address=public.network or None,
        label=one.label,
        created_at=one.created_at_us,
        last_used_at=one.last_used_at_us or None,
        expires_at=one.expires_at_us or None,
    )


def secret_view(issued: Issued) -> SecretView:
    """Show a credential with its secret, this once."""
    credential = credential_view(issued.credential)
    secret = issued.secret or None
    is_token = credential.username is None
    return SecretView(
        credential=credential,
        username=credential.username,
        password=None if is_token else secret,
        token=secret if is_token else None,
    )


def resource_view(one: Resource) -> ResourceView:
    """Show an access."""
    return ResourceView(**resource_fields(one))


def resource_detail(one: Resource, credentials: list[Credential]) -> ResourceDetail:
    """Show an access with its credentials."""
    return ResourceDetail(**resource_fields(one), credentials=[credential_view(each) for each in credentials])


def endpoint_view(one: NodeEndpoint) -> EndpointView:
    """Show where a node listens."""
    return EndpointView.model_validate(one, from_attributes=True)


def resource_fields(one: Resource) -> dict[str, Any]:
    """Return what every view of an access shows."""
    return {
        "id": one.id,
        "kind": one.kind,
        "asset": one.asset,
        "protocols": one.protocols,
        "location": one.location,
        "tier": one.tier,
        "state": one.state.value,
        "label": one.label,
        "limits": LimitsView.model_validate(one.limits, from_attributes=True),
        "created_at": one.created_at_us,
        "updated_at": one.updated_at_us,
    }
