"""The REST side of payments: deposits, saved cards, and the service API for the provider's webhooks."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field, model_validator

from tollway.fabric.rest import (
    PRINTABLE,
    Answer,
    Body,
    CurrentUser,
    IdempotencyKey,
    MoneyText,
    PositiveMoney,
    UtcTime,
    idempotent,
    route,
)
from tollway.fabric.rest.etag import tagged
from tollway.kit.errors import NotFound
from tollway.kit.ids import is_id
from tollway.kit.paging import DEFAULT_LIMIT, MAX_LIMIT
from tollway.services.payments.model import Deposit, SavedMethod, State
from tollway.services.payments.service import Payments

LimitQuery = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"])]
CardToken = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_]{3,200}$",
        description="A saved card (pmt_…), or the provider's token of a card (pm_…)",
        examples=["pm_card_visa"],
    ),
]


class DepositRequest(Body):
    """What to deposit, and how: a card by `payment_method`, or a page of the provider with `checkout`."""

    amount: PositiveMoney
    currency: CurrencyCode = "USD"
    payment_method: CardToken | None = None
    checkout: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.checkout == (self.payment_method is not None):
            raise ValueError('send either "payment_method" or "checkout": true')
        return self


class DepositView(BaseModel):
    """A deposit. The money can be spent when `state` is credited.

    `refunded` and `disputed` are how much of it went back to the card: by a refund, or by the cardholder's bank.
    `action_url`, where there is one, is the page on which the customer pays or confirms.
    """

    id: str
    state: str
    reason: str | None
    decline_code: str | None
    amount: MoneyText
    currency: str
    provider: str
    payment: str | None
    action_url: str | None
    transaction_id: str | None
    refunded: MoneyText
    disputed: MoneyText
    created_at: UtcTime
    updated_at: UtcTime


class DepositList(BaseModel):
    items: list[DepositView]
    next_cursor: str


class ReviewedView(DepositView):
    """A deposit as an operator sees it."""

    user_id: str


class ReviewList(BaseModel):
    items: list[ReviewedView]
    next_cursor: str


class Resolve(Body):
    """How a review ends. `payment` names the provider's payment where the deposit has none."""

    outcome: Literal["credit", "dismiss"]
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=PRINTABLE)]
    payment: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{0,200}$")] = ""


class SaveMethod(Body):
    """A card to keep, by the provider's token."""

    payment_method: CardToken


class MethodView(BaseModel):
    """A saved card. `id` can be given as `payment_method` of a deposit."""

    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    created_at: UtcTime


class MethodList(BaseModel):
    items: list[MethodView]


class Received(BaseModel):
    received: bool = True


def router(service: Payments) -> APIRouter:
    """Make the routes of payments."""
    api = APIRouter(tags=["payments"])
    _deposits(api, service)
    _methods(api, service)
    _webhooks(api, service)
    _reviews(api, service)
    return api


def _deposits(api: APIRouter, service: Payments) -> None:
    @api.post(
        "/api/wallet/deposit",
        status_code=201,
        response_model=DepositView,
        responses={
            202: {"model": DepositView, "description": "The provider has not answered yet; look again"}
        },
        **route(permission="wallet:write", audit="payments:deposit:create"),
    )
    async def deposit(body: DepositRequest, who: CurrentUser, key: IdempotencyKey) -> Response:
        """Put money into the wallet. A declined card is 402 with the bank's `decline_code`."""

        async def work() -> Answer:
            method = body.payment_method or ""
            made = await service.deposits.start(who.user_id, key, body.currency, body.amount, method)
            waits = made.state == State.PROCESSING and not made.action_url
            return Answer(202 if waits else 201, _deposit(made))

        return await idempotent(service.db, who, key, body, work)

    @api.get("/api/wallet/deposits", **route(permission="wallet:read"))
    async def deposits(who: CurrentUser, limit: LimitQuery = DEFAULT_LIMIT, cursor: str = "") -> DepositList:
        """List your deposits, newest first."""
        page = await service.deposits.list(who.user_id, limit, cursor)
        return DepositList(items=[_deposit(one) for one in page.items], next_cursor=page.next_cursor)

    @api.get(
        "/api/wallet/deposits/{deposit_id}", response_model=DepositView, **route(permission="wallet:read")
    )
    async def one_deposit(
        deposit_id: Annotated[str, Path(description="dep_…")], who: CurrentUser, request: Request
    ) -> Response:
        """Show one of your deposits."""
        if not is_id("dep", deposit_id):
            raise NotFound("there is no such deposit")
        return tagged(request, _deposit(await service.deposits.get(who.user_id, deposit_id)))


def _methods(api: APIRouter, service: Payments) -> None:
    @api.get("/api/billing/payment-methods", **route(permission="billing:read"))
    async def methods(who: CurrentUser) -> MethodList:
        """List your saved cards, newest first."""
        return MethodList(items=[_method(one) for one in await service.cards.list(who.user_id)])

    @api.post(
        "/api/billing/payment-methods",
        status_code=201,
        **route(permission="billing:write", audit="payments:method:create"),
    )
    async def save(body: SaveMethod, who: CurrentUser) -> MethodView:
        """Save a card for later; the provider keeps the number."""
        return _method(await service.cards.save(who.user_id, body.payment_method))

    @api.delete(
        "/api/billing/payment-methods/{method_id}",
        status_code=204,
        **route(permission="billing:write", audit="payments:method:delete"),
    )
    async def forget(method_id: Annotated[str, Path(description="pmt_…")], who: CurrentUser) -> None:
        """Forget a saved card."""
        await service.cards.forget(who.user_id, method_id)


def _webhooks(api: APIRouter, service: Payments) -> None:
    @api.post(
        "/api/billing/webhooks/{provider}",
        # Its signature says who calls; a provider that catches up after an outage may call often.
        **route(permission="public", limit="none", audit="payments:webhook:take"),
    )
    async def webhook(
        provider: str, request: Request, stripe_signature: Annotated[str, Header()] = ""
    ) -> Received:
        """Take a webhook of the payment provider."""
        await service.webhooks.take(provider, await request.body(), stripe_signature)
        return Received()


def _reviews(api: APIRouter, service: Payments) -> None:
    @api.get("/api/admin/deposits", tags=["operators"], **route(permission="deposits:read", owner="any"))
    async def in_state(
        state: State = State.NEEDS_REVIEW, limit: LimitQuery = DEFAULT_LIMIT, cursor: str = ""
    ) -> ReviewList:
        """List everybody's deposits in a state, newest first: those that wait for a person, unless told otherwise."""
        page = await service.reviews.list(state, limit, cursor)
        return ReviewList(items=[_reviewed(one) for one in page.items], next_cursor=page.next_cursor)

    @api.post(
        "/api/admin/deposits/{deposit_id}/resolve",
        tags=["operators"],
        **route(permission="deposits:manage", owner="any", audit="payments:deposit:resolve"),
    )
    async def resolve(deposit_id: Annotated[str, Path(description="dep_…")], body: Resolve) -> ReviewedView:
        """End a review: credit what the provider took, or dismiss a deposit that brought nothing."""
        if not is_id("dep", deposit_id):
            raise NotFound("there is no such deposit")
        return _reviewed(await service.reviews.resolve(deposit_id, body.outcome, body.reason, body.payment))


def _reviewed(deposit: Deposit) -> ReviewedView:
    return ReviewedView(**dict(_deposit(deposit)), user_id=deposit.user_id)


def _deposit(deposit: Deposit) -> DepositView:
    return DepositView(
        id=deposit.id,
        state=deposit.state,
        reason=deposit.reason or None,
        decline_code=deposit.decline_code or None,
        amount=deposit.amount,
        currency=deposit.currency,
        provider=deposit.provider,
        payment=deposit.payment_ref or None,
        action_url=deposit.action_url or None,
        transaction_id=deposit.transaction_id or None,
        refunded=deposit.refunded,
        disputed=deposit.disputed,
        created_at=deposit.created_at_us,
        updated_at=deposit.updated_at_us,
    )


def _method(method: SavedMethod) -> MethodView:
    return MethodView(
        id=method.id,
        brand=method.brand,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
        created_at=method.created_at_us,
    )
