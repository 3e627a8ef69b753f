"""Durable and timed work of a service.

`tx.enqueue(kind, payload)` leaves a job in the transaction that made it necessary. The `Worker` runs it outside
any transaction, at least once: a job is leased, so that a killed worker's job is taken up again; a failure is
retried with growing delay; after `ATTEMPTS` it is parked as `dead` for a person. `Timed` work runs every
so often on one replica at a time and must be harmless to repeat. `LongWork` is what a person asks for and what takes
longer than a job may.
"""

from tollway.fabric.jobs.long_work import LongRun, LongWork, Report
from tollway.fabric.jobs.process import DurableProcess
from tollway.fabric.jobs.queue import Job, JobQueue
from tollway.fabric.jobs.worker import ATTEMPTS, Jobs, Timed, Worker

__all__ = [
    "ATTEMPTS",
    "DurableProcess",
    "Job",
    "JobQueue",
    "Jobs",
    "LongRun",
    "LongWork",
    "Report",
    "Timed",
    "Worker",
]
