"""What an operator may change about the audit service."""

from pydantic import BaseModel, ConfigDict, Field


class AuditSettings(BaseModel):
    """Section `audit`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    former_signers: tuple[str, ...] = Field(
        (), description="Public keys (hex) that entries were signed with before the key was changed"
    )
