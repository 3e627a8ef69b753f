"""What several routes of payments show."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tollway.fabric.rest import MoneyText, UtcTime
from tollway.services.payments.model import DepositState

# What is stored as an empty text is null in answers.
NullableText = Annotated[str | None, BeforeValidator(lambda text: text or None)]


class DepositView(BaseModel):
    """A deposit. The money can be spent when `state` is credited.

    `refunded` and `disputed` are how much of it went back to the payer: by a refund, or by the payer's bank.
    `debt_settled` is how much of it settled what you owed. `action_url`, where there is one, is the page on which the
    customer pays or confirms.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    state: DepositState
    reason: NullableText
    decline_code: NullableText
    amount: MoneyText
    currency: str
    provider: str
    payment: NullableText = Field(validation_alias="payment_ref")
    action_url: NullableText
    transaction_id: NullableText
    refunded: MoneyText
    disputed: MoneyText
    debt_settled: MoneyText = Field(validation_alias="settles")
    created_at: UtcTime = Field(validation_alias="created_at_us")
    updated_at: UtcTime = Field(validation_alias="updated_at_us")


class ReviewedView(DepositView):
    """A deposit as an operator sees it."""

    user_id: str
