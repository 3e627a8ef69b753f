"""The REST side of notifications, and the development inbox as an application of its own."""

from fastapi import APIRouter

from tollway.services.notifications.http import customer, operators
from tollway.services.notifications.http.inbox import inbox_app
from tollway.services.notifications.service import Notifications

__all__ = ["inbox_app", "router"]


def router(service: Notifications) -> APIRouter:
    """Make the routes of notifications."""
    api = APIRouter()
    for part in (customer, operators):
        part.add_routes(api, service)
    return api
