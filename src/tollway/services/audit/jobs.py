"""Timed work of audit: noting the head of the record in a second place."""

from math import inf

from tollway.fabric.jobs import Timed
from tollway.services.audit.service import Audit


async def note_head(service: Audit) -> float:
    """Note the newest head, when something was recorded since the last one."""
    await service.note_head()
    return inf


TIMED = {"note_head": Timed(every_s=5, run=note_head)}
