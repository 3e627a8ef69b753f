"""How work that takes long is shown: how far it is, and what it came to the last time."""

from typing import Literal

from pydantic import BaseModel, Field

from tollway.fabric.jobs import LongRun
from tollway.fabric.rest.fields import UtcTime


class LongRunView(BaseModel):
    """Work that was asked for. It is done once at a time."""

    id: str = Field(description="Which time it was asked for, `run_…`; empty when nobody ever did")
    state: Literal["never", "waiting", "running", "done", "failed"]
    requested_by: str = Field(description="Who asked for it")
    requested_at: UtcTime | None = Field(description="When; null when nobody ever did")
    finished_at: UtcTime | None = Field(description="When it ended; null while it did not")
    done: int = Field(description="How much is done")
    total: int = Field(description="Of how much; 0 while that is not known")
    error: str = Field(description="Why it failed; empty when it did not")


def long_run_fields(run: LongRun) -> dict[str, object]:
    """Return the fields of the view of a run."""
    return {
        "id": run.id,
        "state": run.state,
        "requested_by": run.requested_by,
        "requested_at": run.requested_at_us or None,
        "finished_at": run.finished_at_us or None,
        "done": run.done,
        "total": run.total,
        "error": run.error,
    }
