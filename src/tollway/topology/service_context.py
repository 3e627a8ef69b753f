"""Gives each service what it is built from."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tollway.fabric.clock import Clock
from tollway.fabric.secrets import Secrets
from tollway.fabric.service import ServiceContext, SharedSettings
from tollway.settings import Settings
from tollway.topology import backends, service_methods

if TYPE_CHECKING:
    from tollway.fabric.db import Database


def make_context(
    settings: Settings,
    service: str,
    database: "Database",
    clock: Clock,
    secrets: Secrets,
    client: Callable[[str], Any],
    user_data: Callable[[], Mapping[str, Any]],
) -> ServiceContext:
    """Gather the surroundings of a service.

    `client` gives the stubs of the neighbours that it declares, `user_data` those of every service's UserData API.
    """
    network = settings.network
    return ServiceContext(
        db=database,
        clock=clock,
        settings=settings.section(service),
        shared=SharedSettings(
            public_url=network.public_url,
            production=settings.environment == "production",
            currencies=settings.money.currencies,
            mail_sender=settings.mail.sender,
            inbox_address=network.inbox,
            payments_mock_address=network.payments_mock,
            locations=network.locations,
        ),
        answers=backends.open_answers(database),
        secrets=secrets,
        head_notes=backends.open_head_notes(settings),
        client=client,
        user_data=user_data,
        service_methods=service_methods(),
        blobs=partial(backends.open_blobs, settings),
        mailer=partial(backends.open_mailer, settings),
        inbox=partial(backends.open_inbox, settings),
    )
