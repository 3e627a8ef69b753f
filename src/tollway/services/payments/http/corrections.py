"""What operators correct: wallets and deposits."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tollway.fabric.rest import (
    PRINTABLE,
    Answer,
    AnswerStore,
    Body,
    CurrencyCode,
    CurrentUser,
    IdempotencyKey,
    MoneyText,
    Paging,
    PositiveMoney,
    UtcTime,
    idempotent,
    route,
)
from tollway.kit.errors import Conflict, InsufficientFunds
from tollway.services.payments.model import CorrectionState
from tollway.services.payments.service import Payments

Reason = Annotated[
    str,
    Field(min_length=1, max_length=500, pattern=PRINTABLE, description="Why; it stands in the audit trail"),
]
Direction = Literal["credit", "debit"]
CustomerId = Annotated[str, Field(pattern=r"^usr_[0-9a-zA-Z_]{1,60}$", description="The customer, `usr_…`")]
CustomerQuery = Annotated[
    str, Query(pattern=r"^(usr_[0-9a-zA-Z_]{1,60})?$", description="Of one customer only; absent: of all")
]


class NewCorrection(Body):
    """A correction of a wallet: `credit` gives money to the customer, `debit` takes it."""

    user_id: CustomerId
    currency: CurrencyCode
    direction: Annotated[Direction, Field(description="Whether the customer is given money, or it is taken")]
    amount: PositiveMoney
    reason: Reason


class CorrectionView(BaseModel):
    """A correction. `refusal` is why the ledger refused it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    currency: str
    direction: Annotated[Direction, Field(description="Whether the customer is given money, or it is taken")]
    amount: MoneyText = Field(validation_alias="unsigned")
    reason: str
    requested_by: Annotated[str, Field(description="The operator, `usr_…`")]
    state: CorrectionState
    refusal: Annotated[str, Field(description="Why the ledger refused it; empty when it did not")]
    transaction_id: str
    created_at: UtcTime = Field(validation_alias="created_at_us")


class CorrectionList(BaseModel):
    items: list[CorrectionView]
    next_cursor: str


def add_correction_routes(api: APIRouter, service: Payments, answers: AnswerStore) -> None:
    """Add the routes of corrections."""

    @api.post(
        "/api/admin/corrections",
        tags=["operators"],
        status_code=201,
        response_model=CorrectionView,
        **route(
            permission="corrections:manage",
            owner="any",
            audit="payments:correction:create",
            problems=(InsufficientFunds, Conflict),
        ),
    )
    async def correct(body: NewCorrection, who: CurrentUser, key: IdempotencyKey) -> Response:
        """Give a customer money, or take it, as a correction. What is given settles first what the customer owes."""

        async def work() -> Answer:
            amount = body.amount if body.direction == "credit" else -body.amount
            made = await service.corrections.correct(
                body.user_id, body.currency, amount, body.reason, who.user_id, key
            )
            return Answer(201, CorrectionView.model_validate(made))

        return await idempotent(answers, who, key, body, work)

    @api.get(
        "/api/admin/corrections", tags=["operators"], **route(permission="corrections:read", owner="any")
    )
    async def corrections(page: Paging, user_id: CustomerQuery = "") -> CorrectionList:
        """List corrections, newest first."""
        found = await service.corrections.list(user_id, page.limit, page.cursor)
        return CorrectionList(
            items=[CorrectionView.model_validate(one) for one in found.items], next_cursor=found.next_cursor
        )
