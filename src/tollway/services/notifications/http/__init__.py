"""The REST side of notifications, and the development inbox as an application of its own."""

from tollway.services.notifications.http.customer import router
from tollway.services.notifications.http.inbox import inbox_app

__all__ = ["inbox_app", "router"]
