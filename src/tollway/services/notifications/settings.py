"""What an operator may change about messages to people."""

from pydantic import BaseModel, ConfigDict, Field


class NotificationsSettings(BaseModel):
    """Section `notifications`. How mail leaves is the section `mail`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brand: str = Field(
        "Tollway", min_length=1, max_length=60, description="The name that signs every message"
    )
    support_address: str = Field(
        "", max_length=254, description="Where replies and questions go; empty: none is offered"
    )
    inbox_limit: int = Field(500, ge=1, description="How many messages the development inbox keeps")
    kept_days: int = Field(
        365, ge=1, description="How long a message that was sent, or refused, is listed for the customer"
    )
