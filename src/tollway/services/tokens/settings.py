"""What an operator may change about tokens and sessions."""

from pydantic import BaseModel, ConfigDict, Field


class TokensSettings(BaseModel):
    """Section `tokens`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(
        "http://127.0.0.1:8000",
        description="The issuer that tokens name (RFC 8414); the public address of the platform",
    )
    audience: str = Field("tollway-api", description="The audience that tokens are meant for")
    signing_life_s: int = Field(30 * 86_400, gt=0, description="How long a key signs, in seconds")
    browser_idle_s: int = Field(12 * 3600, gt=0, description="A browser session unused for so long ends")
    browser_absolute_s: int = Field(30 * 86_400, gt=0, description="A browser session ends at the latest")
    program_idle_s: int = Field(7 * 86_400, gt=0, description="A program's session unused for so long ends")
    program_absolute_s: int = Field(30 * 86_400, gt=0, description="A program's session ends at the latest")
    operator_idle_s: int = Field(
        1800, gt=0, description="Idle limit of browser sessions of support and admin"
    )
    operator_absolute_s: int = Field(
        12 * 3600, gt=0, description="Absolute limit of sessions of support and admin"
    )
