"""Chooses the backend of each port from the settings: embedded by default, clustered when they say so."""

from pathlib import Path
from typing import TYPE_CHECKING

from tollway.fabric.clock import Clock
from tollway.fabric.head_notes import HeadNotes
from tollway.settings import InvalidSettings, Settings
from tollway.topology import SERVICES

if TYPE_CHECKING:
    from tollway.fabric.blobs import Blobs
    from tollway.fabric.db import Database
    from tollway.fabric.events import EventInbox, EventOutbox
    from tollway.fabric.jobs import JobQueue
    from tollway.fabric.limits import Limits
    from tollway.fabric.mail import Inbox, Mailer
    from tollway.fabric.rest import AnswerStore


def open_database(settings: Settings, service: str, clock: Clock) -> "Database":
    """Give the service's own database: its schema when a server is set, else its file."""
    from tollway.fabric.db import Database
    from tollway.fabric.db.postgres import PostgresDatabase
    from tollway.fabric.db.sqlite import SqliteDatabase

    url = settings.database.services.get(service, settings.database.url)
    if url:
        return Database(PostgresDatabase(url, service, settings.database.pool_size), clock)
    durability = "FULL" if SERVICES[service].durable else "NORMAL"
    return Database(SqliteDatabase(settings.data / "services" / f"{service}.db", durability), clock)


def open_outbox(database: "Database") -> "EventOutbox":
    """Give the log of what a service publishes."""
    from tollway.fabric.events.sql import SqlOutbox

    return SqlOutbox(database)


def open_event_inbox(database: "Database") -> "EventInbox":
    """Give the record of what a service has taken in."""
    from tollway.fabric.events.sql import SqlInbox

    return SqlInbox(database)


def open_jobs(database: "Database") -> "JobQueue":
    """Give the queue of a service's jobs."""
    from tollway.fabric.jobs.sql import SqlJobQueue

    return SqlJobQueue(database)


def open_answers(database: "Database") -> "AnswerStore":
    """Give the store of what a service answered under an Idempotency-Key."""
    from tollway.fabric.rest.sql import SqlAnswers

    return SqlAnswers(database)


def open_head_notes(settings: Settings) -> HeadNotes:
    """Give the place outside the data in which the heads of the ledger and the audit trail are noted."""
    folder = settings.security.heads_folder
    return HeadNotes(Path(folder) if folder else None)


def service_migrations(service: str) -> Path | None:
    """Name the folder of a service's migrations, or None when it keeps nothing of its own."""
    import tollway

    folder = Path(tollway.__file__).parent / "services" / service / "migrations"
    return folder if folder.is_dir() else None


def certificates(settings: Settings) -> Path:
    """Name the folder of the certificate authority and the certificates."""
    return Path(settings.network.certificates) if settings.network.certificates else settings.data / "certs"


def open_limits(settings: Settings) -> "Limits":
    """Give the gateway's buckets: shared with other gateways when a server for them is set."""
    if not settings.network.redis:
        from tollway.fabric.limits.memory import MemoryLimits

        return MemoryLimits()
    from tollway.fabric.limits.redis import RedisLimits

    try:
        return RedisLimits(settings.network.redis)
    except ValueError as error:
        raise InvalidSettings(f"network.redis: {error}") from error


def open_blobs(settings: Settings) -> "Blobs":
    """Give the store of blobs."""
    from tollway.fabric.blobs.folder import FolderBlobs

    return FolderBlobs(settings.data / "blobs")


def open_local_limits() -> "Limits":
    """Give buckets that count for this process alone, whatever others share."""
    from tollway.fabric.limits.memory import MemoryLimits

    return MemoryLimits()


def open_mailer(settings: Settings) -> "Mailer":
    """Give the way in which e-mail leaves."""
    mail = settings.mail
    if mail.backend == "inbox":
        from tollway.fabric.mail.inbox import InboxMailer

        return InboxMailer(open_blobs(settings), settings.section("notifications").inbox_limit)
    from tollway.fabric.mail.smtp import SmtpMailer

    return SmtpMailer(mail.host, mail.port, mail.security, mail.username, mail.password)


def open_inbox(settings: Settings) -> "Inbox | None":
    """Give the development inbox, when mail goes there."""
    if settings.mail.backend != "inbox":
        return None
    from tollway.fabric.mail.inbox import InboxMailer

    return InboxMailer(open_blobs(settings), settings.section("notifications").inbox_limit)
