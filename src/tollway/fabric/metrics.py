"""What services do, counted for Prometheus: jobs, events taken in, mail handed over, units moved in the ledger."""

from prometheus_client import Counter, Histogram

JOBS = Counter(
    "tollway_jobs_total",
    "Attempts at durable jobs, by outcome: done, retried, or dead (given up, a person has to look).",
    ["service", "kind", "outcome"],
)
JOB_SECONDS = Histogram(
    "tollway_job_seconds",
    "Duration of an attempt at a durable job.",
    ["service", "kind"],
    buckets=(0.01, 0.1, 1, 10, 60),
)
TIMED = Counter(
    "tollway_timed_work_total", "Runs of timed work: done or failed.", ["service", "name", "outcome"]
)
EVENTS = Counter(
    "tollway_events_total",
    "Attempts to take in an event, by outcome: handled, retried, or parked (given up, a person has to look).",
    ["service", "source", "type", "outcome"],
)
MAIL = Counter(
    "tollway_mail_total",
    "Messages handed to the mail server: sent, refused for good, or unavailable (tried again).",
    ["outcome"],
)
UNITS = Counter(
    "tollway_ledger_units_total",
    "Units moved by transactions that were applied, by business event and asset; money counts in millionths.",
    ["code", "asset"],
)
