"""Durable work of the catalogue."""

from typing import Any

from tollway.services.catalog.service import Catalog


async def issue_capacity(service: Catalog, payload: dict[str, Any]) -> None:
    """Finish putting capacity up for sale; nothing to do when the request itself got that far."""
    await service.finish_issue(payload["issue_id"])


JOBS = {"issue_capacity": issue_capacity}
