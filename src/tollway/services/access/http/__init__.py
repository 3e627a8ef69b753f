"""Access's REST side: connecting, accesses and credentials, usage, and the operators' view."""

from fastapi import APIRouter

from tollway.services.access.http import (
    admin,
    analytics,
    connection_test,
    customers,
    dashboard,
    flow_policy,
    locations,
    proxy,
    resources,
    usage,
)
from tollway.services.access.service import Access

__all__ = ["router"]


def router(service: Access) -> APIRouter:
    """Make the routes of access."""
    api = APIRouter()
    for part in (
        dashboard,
        proxy,
        connection_test,
        locations,
        resources,
        flow_policy,
        usage,
        analytics,
        admin,
        customers,
    ):
        part.add_routes(api, service)
    return api
