"""Timed work of audit: noting the head of the record in a second place, and verifying it when somebody asked for it."""

from math import inf

from tollway.fabric.jobs import Timed
from tollway.services.audit.service import Audit


async def note_head(service: Audit) -> float:
    """Note the newest head, when something was recorded since the last one."""
    await service.note_head()
    return inf


async def verify(service: Audit) -> float:
    """Verify the record, if somebody asked for it."""
    return await service.verification.work()


TIMED = {"note_head": Timed(every_s=5, run=note_head), "verify": Timed(every_s=5, run=verify)}
