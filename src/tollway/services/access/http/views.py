"""What the routes of access take and show."""

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field

from tollway.fabric.rest import PRINTABLE, UnitsText, UtcTime
from tollway.kit.paging import MAX_LIMIT
from tollway.services.access.model import Credential, Resource
from tollway.services.access.store.charging import Endpoint

Label = Annotated[str, Field(max_length=100, pattern=PRINTABLE, examples=["my laptop"])]
AssetCode = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$", examples=["bandwidth.residential.standard"])
]
Word = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,40}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
ResourceId = Annotated[str, Path(pattern=r"^res_[0-9a-z]{1,40}$")]
CredentialId = Annotated[str, Path(pattern=r"^crd_[0-9a-z]{1,40}$")]
LimitQuery = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


class LimitsView(BaseModel):
    """What all connections of an access may do together on one proxy node; 0 is no limit.

    Each node counts for itself, so over two nodes twice as much is possible. Only what is held is shared by all.
    """

    max_flows: int
    rate_limit_bytes_s: UnitsText


class CredentialView(BaseModel):
    """A credential without its secret, which was shown once."""

    id: str
    username: str
    label: str
    created_at: UtcTime


class ResourceView(BaseModel):
    """An access: what it draws on and what it may do."""

    id: str
    kind: str
    asset: str
    protocols: tuple[str, ...]
    location: str
    state: str
    label: str
    limits: LimitsView
    created_at: UtcTime
    updated_at: UtcTime


class ResourceDetail(ResourceView):
    """An access with its live credentials."""

    credentials: list[CredentialView]


class EndpointView(BaseModel):
    """Where a node listens. An `http` proxy carries HTTPS too, by CONNECT."""

    protocol: str
    host: str
    port: int


class SecretView(BaseModel):
    """A fresh credential: keep the password, it is not shown again."""

    credential: CredentialView
    username: str
    password: str


def limits_view(one: Resource) -> LimitsView:
    """Show an access's limits."""
    return LimitsView(max_flows=one.limits.max_flows, rate_limit_bytes_s=one.limits.rate_limit_bytes_s)


def credential_view(one: Credential) -> CredentialView:
    """Show a credential."""
    return CredentialView(id=one.id, username=one.username, label=one.label, created_at=one.created_at_us)


def resource_view(one: Resource) -> ResourceView:
    """Show an access."""
    return ResourceView(**resource_fields(one))


def resource_detail(one: Resource, credentials: list[Credential]) -> ResourceDetail:
    """Show an access with its credentials."""
    return ResourceDetail(**resource_fields(one), credentials=[credential_view(each) for each in credentials])


def endpoint_view(one: Endpoint) -> EndpointView:
    """Show where a node listens."""
    return EndpointView(protocol=one.protocol, host=one.host, port=one.port)


def resource_fields(one: Resource) -> dict[str, Any]:
    """Return what every view of an access shows."""
    return {
        "id": one.id,
        "kind": one.kind,
        "asset": one.asset,
        "protocols": one.protocols,
        "location": one.location,
        "state": one.state.value,
        "label": one.label,
        "limits": limits_view(one),
        "created_at": one.created_at_us,
        "updated_at": one.updated_at_us,
    }
