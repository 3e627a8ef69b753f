"""What an operator may change about the ledger."""

from pydantic import BaseModel, ConfigDict, Field


class LedgerSettings(BaseModel):
    """Section `ledger`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: int = Field(500, ge=1, le=500, description="Transactions that are written at a time, at most")
    batch_wait_s: float = Field(
        0.003, ge=0, le=0.1, description="How long a busy ledger waits for a batch to fill, in seconds"
    )
    former_signers: tuple[str, ...] = Field(
        (), description="Public keys (hex) that seals were signed with before the key was changed"
    )
