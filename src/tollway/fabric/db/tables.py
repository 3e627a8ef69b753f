"""The plumbing tables that every service's database carries beside the service's own.

outbox            what the service published, in order; the readable log behind its `Events` service API
inbox             which foreign events the service has taken in, so that a repeat is harmless
subscription      how far each subscriber has read this service's outbox, noted now and then
consumer_offset   how far the service has read each publisher's outbox
dead_letter       events that a handler refused too often, kept for a person, who may have them received `again`
job               durable work: due time, attempts, lease
long_work         work that takes long, by kind: who asked for it last, how far it is, what it came to
http_idempotency  answers already given under an Idempotency-Key
"""

from sqlalchemy import Column, Index, LargeBinary, MetaData, Table, Text, UniqueConstraint, text

from tollway.fabric.db.types import NAMING, Flag, Int64, Json

metadata = MetaData(naming_convention=NAMING)
_READY = text("state = 'ready'")

outbox = Table(
    "outbox",
    metadata,
    Column("position", Int64, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at_us", Int64, nullable=False),
    Column("data", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("received_at_us", Int64, nullable=False),
    sqlite_strict=True,
)

subscription = Table(
    "subscription",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", Int64, nullable=False),
    sqlite_strict=True,
)

consumer_offset = Table(
    "consumer_offset",
    metadata,
    Column("source", Text, primary_key=True),
    Column("position", Int64, nullable=False),
    sqlite_strict=True,
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("at_us", Int64, nullable=False),
    # The event as it came.
    Column("envelope", LargeBinary, nullable=False),
    Column("again", Flag, nullable=False),
    sqlite_strict=True,
)

job = Table(
    "job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("unique_key", Text, nullable=True),
    Column("payload", Json, nullable=False),
    Column("due_us", Int64, nullable=False),
    Column("attempts", Int64, nullable=False),
    Column("leased_until_us", Int64, nullable=False),
    Column("lease", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    UniqueConstraint("kind", "unique_key"),
    Index(
        "ix_job_due", "due_us", sqlite_where=text("state = 'ready'"), postgresql_where=text("state = 'ready'")
    ),
    sqlite_strict=True,
)

long_work = Table(
    "long_work",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at_us", Int64, nullable=False),
    Column("started_at_us", Int64, nullable=False),
    Column("seen_at_us", Int64, nullable=False),
    Column("finished_at_us", Int64, nullable=False),
    Column("worker", Text, nullable=False),
    Column("done", Int64, nullable=False),
    Column("total", Int64, nullable=False),
    Column("result", Json, nullable=False),
    Column("error", Text, nullable=False),
    sqlite_strict=True,
)

http_idempotency = Table(
    "http_idempotency",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("status", Int64, nullable=False),
    Column("body", Text, nullable=False),
    Column("locked_until_us", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Index("ix_http_idempotency_created", "created_at_us"),
    sqlite_strict=True,
)
