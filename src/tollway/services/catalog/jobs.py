"""Durable and timed work of the catalogue."""

from typing import Any

from tollway.fabric.jobs import Timed
from tollway.services.catalog.service import Catalog
from tollway.services.catalog.service.capacity import ISSUE_JOB


async def issue_capacity(service: Catalog, payload: dict[str, Any]) -> None:
    """Finish putting capacity up for sale; nothing to do when the request itself got that far."""
    await service.capacity.process.advance(payload["id"])


async def resume_issues(service: Catalog) -> None:
    """Take up issues of capacity that stood still."""
    await service.capacity.resume()


JOBS = {ISSUE_JOB: issue_capacity}
TIMED = {"resume_issues": Timed(every_s=60, run=resume_issues)}
