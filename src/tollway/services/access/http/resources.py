"""A customer's accesses and their credentials."""

from typing import Annotated, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator

from tollway.contracts.errors import AccountSuspended, NoAllowance, ResourceInactive, UnknownAsset
from tollway.fabric.rest import (
    PRINTABLE,
    AssetCode,
    Body,
    CurrentUser,
    NaturalUnits,
    route,
)
from tollway.fabric.rest.etag import TAGGED, tagged
from tollway.fabric.rest.forwarded import caller_address
from tollway.kit.errors import Conflict
from tollway.services.access.http.views import (
    Count,
    CredentialId,
    CredentialKindName,
    Label,
    ResourceDetail,
    ResourceId,
    ResourceView,
    SecretView,
    Word,
    resource_detail,
    resource_view,
    secret_view,
)
from tollway.services.access.model import CustomerSession, ResourceLimits
from tollway.services.access.service import Access
from tollway.services.access.service.credentials import CredentialRequest
from tollway.services.access.service.resources import ResourceRequest

READ = route(permission="access:read")
MAX_GRACE_S = 7 * 24 * 3600


class NewResource(Body):
    """An access to make."""

    kind: Word | None = None
    asset: AssetCode | None = None
    label: Label = ""
    max_flows: Count = 0
    rate_limit_bytes_s: NaturalUnits = 0


class ResourcePatch(Body):
    """What to change."""

    label: Label | None = None
    max_flows: Count | None = None
    rate_limit_bytes_s: NaturalUnits | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one of label, max_flows, rate_limit_bytes_s")
        return self


PublicKey = Annotated[
    str,
    Field(
        min_length=1, max_length=2000, pattern=PRINTABLE, examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…"]
    ),
]


SourceNetwork = Annotated[
    str, Field(max_length=50, pattern=r"^[0-9A-Fa-f:./]+$", examples=["198.51.100.7", "2001:db8:1:2::/64"])
]


class NewCredential(Body):
    """A credential to issue: of the access's own kind when none is given. Some kinds need your public key."""

    kind: CredentialKindName | None = None
    public_key: PublicKey | None = None
    address: SourceNetwork | None = Field(
        default=None,
        description="For `source_address`: the address or network from which clients are let in without a password. It "
        "must contain the address that this request comes from, and is that address when it is left out",
    )
    label: Label = ""


class Rotation(Body):
    """How long the old secret goes on beside the new one."""

    grace_s: Annotated[int, Field(ge=0, le=MAX_GRACE_S)] = Field(
        default=600, description="Seconds for which the old one still works; 0 ends it at once"
    )


class ResourceList(BaseModel):
    items: list[ResourceDetail]


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the routes below /api/access/resources."""
    _accesses(api, service)
    _switches(api, service)
    _credentials(api, service)
    _ends_of_credentials(api, service)


CREATING = (UnknownAsset, NoAllowance, Conflict, AccountSuspended)


def _accesses(api: APIRouter, service: Access) -> None:
    @api.get("/api/access/resources", tags=["access"], **READ)
    async def resources(who: CurrentUser) -> ResourceList:
        """List your accesses."""
        mine = await service.resources.all_of(who.user_id)
        return ResourceList(items=[resource_detail(one, credentials) for one, credentials in mine])

    @api.post(
        "/api/access/resources",
        status_code=201,
        tags=["access"],
        **route(permission="access:write", audit="access:resource:create", problems=CREATING),
    )
    async def create(body: NewResource, who: CurrentUser) -> ResourceView:
        """Make an access beside those that you have, with limits of its own."""
        limits = ResourceLimits(body.max_flows, body.rate_limit_bytes_s)
        request = ResourceRequest(body.kind or "", body.asset or "", body.label, limits)
        return resource_view(await service.resources.create(who.user_id, request))

    @api.get(
        "/api/access/resources/{resource_id}",
        response_model=ResourceDetail,
        responses=TAGGED,
        tags=["access"],
        **READ,
    )
    async def resource(resource_id: ResourceId, request: Request, who: CurrentUser) -> Response:
        """Show one access with its credentials."""
        found, credentials = await service.resources.get(who.user_id, resource_id)
        return tagged(request, resource_detail(found, credentials))

    @api.patch(
        "/api/access/resources/{resource_id}",
        tags=["access"],
        **route(
            permission="access:write", audit="access:resource:change", problems=(Conflict, ResourceInactive)
        ),
    )
    async def change(resource_id: ResourceId, body: ResourcePatch, who: CurrentUser) -> ResourceView:
        """Change an access; open connections are held to new limits within a second."""
        changed = await service.resources.change(
            who.user_id,
            resource_id,
            label=body.label,
            max_flows=body.max_flows,
            rate_limit_bytes_s=body.rate_limit_bytes_s,
        )
        return resource_view(changed)

    @api.delete(
        "/api/access/resources/{resource_id}",
        status_code=204,
        tags=["access"],
        **route(permission="access:write", audit="access:resource:delete", problems=(Conflict,)),
    )
    async def delete(resource_id: ResourceId, who: CurrentUser) -> None:
        """Delete an access: its credentials are revoked, its records stay."""
        await service.resources.delete(who.user_id, resource_id)


def _switches(api: APIRouter, service: Access) -> None:
    @api.post(
        "/api/access/resources/{resource_id}/activate",
        tags=["access"],
        **route(
            permission="access:write", audit="access:resource:activate", problems=(Conflict, ResourceInactive)
        ),
    )
    async def activate(resource_id: ResourceId, who: CurrentUser) -> ResourceView:
        """Let an access be used again."""
        return resource_view(await service.resources.activate(who.user_id, resource_id))

    @api.post(
        "/api/access/resources/{resource_id}/deactivate",
        tags=["access"],
        **route(
            permission="access:write",
            audit="access:resource:deactivate",
            problems=(Conflict, ResourceInactive),
        ),
    )
    async def deactivate(resource_id: ResourceId, who: CurrentUser) -> ResourceView:
        """Stop the use of an access until you activate it: its open connections end within a second."""
        return resource_view(await service.resources.deactivate(who.user_id, resource_id))


def _credentials(api: APIRouter, service: Access) -> None:
    @api.post(
        "/api/access/resources/{resource_id}/credentials",
        status_code=201,
        tags=["access"],
        **route(
            permission="access:write", audit="access:credential:issue", problems=(Conflict, ResourceInactive)
        ),
    )
    async def issue(
        resource_id: ResourceId, who: CurrentUser, request: Request, body: NewCredential | None = None
    ) -> SecretView:
        """Issue a credential. Keep its password or token: it is not shown again.

        One of the kind `source_address` has none: within a second programs at that address use the proxies without
        a username.
        """
        given = body or NewCredential()
        wanted = CredentialRequest(
            given.kind or "",
            given.public_key or "",
            given.label,
            given.address or "",
            caller_address(request),
        )
        return secret_view(
            await service.credentials.issue(
                who.user_id, resource_id, wanted, CustomerSession(who.session_id, who.auth_time_us)
            )
        )


def _ends_of_credentials(api: APIRouter, service: Access) -> None:
    @api.post(
        "/api/access/resources/{resource_id}/credentials/{credential_id}/rotate",
        status_code=201,
        tags=["access"],
        **route(
            permission="access:write",
            audit="access:credential:rotate",
            problems=(Conflict, AccountSuspended),
        ),
    )
    async def rotate(
        resource_id: ResourceId, credential_id: CredentialId, who: CurrentUser, body: Rotation | None = None
    ) -> SecretView:
        """Replace a username and password, or a token, by a new one. Keep it: it is not shown again.

        The old one works until the grace is over, and then its open connections end within a second.
        """
        return secret_view(
            await service.credentials.rotate(
                who.user_id,
                resource_id,
                credential_id,
                (body or Rotation()).grace_s,
                CustomerSession(who.session_id, who.auth_time_us),
            )
        )

    @api.delete(
        "/api/access/resources/{resource_id}/credentials/{credential_id}",
        status_code=204,
        tags=["access"],
        **route(permission="access:write", audit="access:credential:revoke"),
    )
    async def revoke(resource_id: ResourceId, credential_id: CredentialId, who: CurrentUser) -> None:
        """Revoke a credential: its open connections end within a second."""
        await service.credentials.revoke(who.user_id, resource_id, credential_id)
