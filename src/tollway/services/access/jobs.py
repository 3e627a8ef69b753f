"""Work of access: ending replaced credentials, erasing those who left, tidying up after nodes that vanished."""

from typing import Any

from tollway.fabric.jobs import Jobs, Timed
from tollway.fabric.user_data import ERASE, erase
from tollway.services.access.service import Access
from tollway.services.access.service.credentials import END_CREDENTIAL
from tollway.services.access.user_data import USER_TABLES


async def close_abandoned(service: Access) -> None:
    """Close what vanished nodes left open, and give back what they held."""
    await service.cleanup.close_abandoned()


async def delete_ended(service: Access) -> None:
    """Delete leases that ended long ago."""
    await service.cleanup.delete_ended()


async def look_at_locations(service: Access) -> None:
    """Note which locations have a node that is up."""
    await service.locations.look()


async def erase_user(service: Access, payload: dict[str, Any]) -> None:
    """Delete every access of somebody who has left, which revokes the credentials; erase what is kept of them."""
    for resource, _ in await service.resources.all_of(payload["user_id"]):
        await service.resources.delete(resource.user_id, resource.id)
    await erase(service.db, USER_TABLES, payload["user_id"])


async def end_credential(service: Access, payload: dict[str, Any]) -> None:
    """Revoke a credential whose time is over."""
    await service.credentials.end(payload["credential_id"], payload["reason"])


JOBS: Jobs = {ERASE: erase_user, END_CREDENTIAL: end_credential}
TIMED = {
    "close_abandoned": Timed(15.0, close_abandoned),
    "delete_ended": Timed(3600.0, delete_ended),
    "look_at_locations": Timed(60.0, look_at_locations),
}
