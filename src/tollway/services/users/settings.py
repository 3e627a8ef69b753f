"""What an operator may change about profiles and exports."""

from pydantic import BaseModel, ConfigDict, Field


class UsersSettings(BaseModel):
    """Section `users`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brand: str = Field(
        "Tollway", min_length=1, max_length=60, description="The name that exports of one's own data say"
    )
    export_kept_days: int = Field(
        7, ge=1, description="How long the export of a customer's own data can be downloaded"
    )
