"""What a developer may change about the payment mock."""

from pydantic import BaseModel, ConfigDict, Field


class PaymentsMockSettings(BaseModel):
    """Section `payments_mock`: how the development payment provider behaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: str = Field(
        "", description="Where browsers reach the hosted pages; empty: the address the API was called at."
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Hosts beside loopback that the mock answers as and delivers webhooks to, such as the names of "
        "the platform's containers.",
    )
    webhook_attempts: int = Field(12, ge=1, le=50, description="Deliveries tried before one is given up.")
    webhook_first_delay_s: float = Field(
        0.5, gt=0, description="Wait after the first failed delivery; it doubles."
    )
    webhook_max_delay_s: float = Field(300.0, gt=0, description="The longest wait between two deliveries.")
    webhook_timeout_s: float = Field(10.0, gt=0, le=30, description="How long a receiver may take to answer.")
    log_length: int = Field(1_000, ge=10, description="How many requests the log keeps.")
