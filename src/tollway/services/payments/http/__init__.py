"""The REST API of payments: deposits, saved payment methods, webhooks of the providers, reviews."""

from pathlib import Path
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParam
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tollway.contracts.errors import BadSignature, CardDeclined, PaymentFailed, ProviderUnavailable
from tollway.fabric.rest import (
    PRINTABLE,
    Answer,
    AnswerStore,
    Body,
    CurrencyCode,
    CurrentUser,
    IdempotencyKey,
    MoneyText,
    PageQuery,
    Paging,
    PositiveMoney,
    UtcTime,
    id_path,
    idempotent,
    route,
    sorted_by,
)
from tollway.fabric.rest.etag import TAGGED, tagged
from tollway.kit.errors import Conflict, Malformed
from tollway.services.payments.http.corrections import CustomerQuery, Reason, add_correction_routes
from tollway.services.payments.http.overview import add_overview_route
from tollway.services.payments.http.views import DepositView, ReviewedView
from tollway.services.payments.model import DepositState
from tollway.services.payments.service import Payments
from tollway.services.payments.service.charging import RETURN_PATH

DepositId = Annotated[str, id_path("dep", "deposit")]
StateQuery = Annotated[DepositState, Query(description="In this state only")]
MethodToken = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_]{3,200}$",
        description="A saved payment method (pmt_…), or the provider's token of one (pm_…)",
        examples=["pm_card_visa"],
    ),
]
ProviderName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9_]{1,40}$",
        description="A payment provider by name; unset: the payment method's, else the platform's first",
        examples=["stripe"],
    ),
]
NewestFirst = Annotated[PageQuery, sorted_by("-created_at", "created_at")]


class DepositRequest(Body):
    """What to deposit, and how: a payment method, or a page of the provider with `checkout`."""

    amount: PositiveMoney
    currency: CurrencyCode = "USD"
    payment_method: MethodToken | None = None
    checkout: bool = False
    provider: ProviderName | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.checkout == (self.payment_method is not None):
            raise ValueError('send either "payment_method" or "checkout": true')
        return self


class DepositList(BaseModel):
    items: list[DepositView]
    next_cursor: str


class ReviewList(BaseModel):
    items: list[ReviewedView]
    next_cursor: str


class DebtView(BaseModel):
    """What a customer owes in one currency: money that went back to the payer and that had been spent."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    currency: str
    owed: MoneyText = Field(validation_alias="outstanding")
    created_at: UtcTime = Field(validation_alias="created_at_us")
    updated_at: UtcTime = Field(validation_alias="updated_at_us")


class DebtList(BaseModel):
    items: list[DebtView]
    next_cursor: str


class Resolve(Body):
    """How a review ends. `payment` names the provider's payment where the deposit has none."""

    outcome: Literal["credit", "dismiss"]
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=PRINTABLE)]
    payment: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{0,200}$")] = ""


class NewRefund(Body):
    """How much of a deposit goes back to the payer; without an amount all that is left of it."""

    amount: PositiveMoney | None = None
    reason: Reason


class SaveMethod(Body):
    """A payment method to save, by the provider's token."""

    payment_method: MethodToken
    provider: ProviderName | None = None


class MethodView(BaseModel):
    """A saved payment method. `id` can be given as `payment_method` of a deposit."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    provider: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    created_at: UtcTime = Field(validation_alias="created_at_us")


class MethodList(BaseModel):
    items: list[MethodView]


class Received(BaseModel):
    received: bool = True


_RETURNED = {
    "paid": (
        "Thank you",
        "Your payment was handed over. The money is in your wallet as soon as the payment provider confirms it, "
        "mostly within seconds; we write to you then.",
    ),
    "left": (
        "Nothing was paid",
        "You left the payment page before paying. You can begin again in your wallet.",
    ),
}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


def router(service: Payments, answers: AnswerStore) -> APIRouter:
    """Make the routes of payments."""
    api = APIRouter(tags=["payments"])
    _deposits(api, service, answers)
    _methods(api, service)
    _webhooks(api, service)
    _reviews(api, service, answers)
    add_correction_routes(api, service, answers)
    add_overview_route(api, service)
    _pages(api)
    return api


def _pages(api: APIRouter) -> None:
    page = Path(__file__).with_name("return.html").read_text()

    @api.get(RETURN_PATH, include_in_schema=False, **route(permission="public", content="page"))
    async def returned(outcome: str = "paid") -> HTMLResponse:
        """Show a browser that comes back from a provider's page where to go on; whoever it is may not be signed in."""
        title, text = _RETURNED["left" if outcome == "left" else "paid"]
        return HTMLResponse(page.format(title=title, text=text), headers=_PAGE_HEADERS)


def _deposits(api: APIRouter, service: Payments, answers: AnswerStore) -> None:
    @api.post(
        "/api/wallet/deposit",
        status_code=201,
        response_model=DepositView,
        responses={
            202: {"model": DepositView, "description": "The provider has not answered yet; look again"}
        },
        **route(
            permission="wallet:write",
            audit="payments:deposit:create",
            problems=(CardDeclined, PaymentFailed, ProviderUnavailable),
        ),
    )
    async def create_deposit(body: DepositRequest, who: CurrentUser, key: IdempotencyKey) -> Response:
        """Deposit money into the wallet. A declined card is 402 with the bank's `decline_code`."""

        async def work() -> Answer:
            deposit = await service.deposits.start(
                who.user_id,
                key,
                body.currency,
                body.amount,
                body.payment_method or "",
                body.provider or "",
            )
            waits = deposit.state == DepositState.PROCESSING and not deposit.action_url
            return Answer(202 if waits else 201, DepositView.model_validate(deposit))

        return await idempotent(answers, who, key, body, work)

    @api.get("/api/wallet/deposits", **route(permission="wallet:read"))
    async def deposits(who: CurrentUser, page: Paging) -> DepositList:
        """List your deposits, newest first."""
        found = await service.deposits.list(who.user_id, page.limit, page.cursor)
        return DepositList(
            items=[DepositView.model_validate(one) for one in found.items], next_cursor=found.next_cursor
        )

    @api.get(
        "/api/wallet/deposits/{deposit_id}",
        response_model=DepositView,
        responses=TAGGED,
        **route(permission="wallet:read"),
    )
    async def one_deposit(deposit_id: DepositId, who: CurrentUser, request: Request) -> Response:
        """Show one of your deposits."""
        deposit = await service.deposits.get(who.user_id, deposit_id)
        return tagged(request, DepositView.model_validate(deposit))


def _methods(api: APIRouter, service: Payments) -> None:
    @api.get("/api/billing/payment-methods", **route(permission="billing:read"))
    async def methods(who: CurrentUser) -> MethodList:
        """List your saved payment methods, newest first."""
        saved = await service.methods.list(who.user_id)
        return MethodList(items=[MethodView.model_validate(one) for one in saved])

    @api.post(
        "/api/billing/payment-methods",
        status_code=201,
        **route(
            permission="billing:write",
            audit="payments:method:create",
            problems=(CardDeclined, ProviderUnavailable, Conflict),
        ),
    )
    async def save(body: SaveMethod, who: CurrentUser) -> MethodView:
        """Save a payment method for later; the provider keeps the card number."""
        saved = await service.methods.save(who.user_id, body.payment_method, body.provider or "")
        return MethodView.model_validate(saved)

    @api.delete(
        "/api/billing/payment-methods/{method_id}",
        status_code=204,
        **route(permission="billing:write", audit="payments:method:delete"),
    )
    async def delete_method(
        method_id: Annotated[str, id_path("pmt", "payment method")], who: CurrentUser
    ) -> None:
        """Delete a saved payment method."""
        await service.methods.delete(who.user_id, method_id)


def _webhooks(api: APIRouter, service: Payments) -> None:
    @api.post(
        "/api/billing/webhooks/{provider}",
        # Its signature says who calls; a provider that catches up after an outage may call often.
        **route(
            permission="public",
            limit="webhooks",
            audit="payments:webhook:receive",
            problems=(BadSignature, Malformed, ProviderUnavailable),
        ),
    )
    async def webhook(
        provider: Annotated[str, PathParam(description="A payment provider by name")], request: Request
    ) -> Received:
        """Receive a webhook of a payment provider; its headers and body are verified as the provider signs them."""
        await service.webhooks.receive(provider, request.headers, await request.body())
        return Received()


def _reviews(api: APIRouter, service: Payments, answers: AnswerStore) -> None:
    @api.get("/api/admin/deposits", tags=["operators"], **route(permission="deposits:read", owner="any"))
    async def in_state(
        page: NewestFirst,
        state: Annotated[
            DepositState | None,
            Query(description="In this state only; absent: those that need a review, or all of the customer"),
        ] = None,
        user_id: CustomerQuery = "",
    ) -> ReviewList:
        """List everybody's deposits in a state, or one customer's; without either, those that wait for a review."""
        wanted = state if state or user_id else DepositState.NEEDS_REVIEW
        found = await service.reviews.list(
            wanted, page.limit, page.cursor, user_id=user_id, newest_first=page.descending
        )
        return ReviewList(
            items=[ReviewedView.model_validate(one) for one in found.items], next_cursor=found.next_cursor
        )

    @api.get("/api/admin/debts", tags=["operators"], **route(permission="deposits:read", owner="any"))
    async def debts(page: Paging, user_id: CustomerQuery = "") -> DebtList:
        """List what customers owe, newest first: refunded or disputed money that they had spent."""
        found = await service.debts.list(page.limit, page.cursor, user_id=user_id)
        return DebtList(
            items=[DebtView.model_validate(one) for one in found.items], next_cursor=found.next_cursor
        )

    @api.post(
        "/api/admin/deposits/{deposit_id}/resolve",
        tags=["operators"],
        **route(
            permission="deposits:manage", owner="any", audit="payments:deposit:resolve", problems=(Conflict,)
        ),
    )
    async def resolve(deposit_id: DepositId, body: Resolve) -> ReviewedView:
        """End a review: credit what the provider took, or dismiss a deposit that brought nothing."""
        deposit = await service.reviews.resolve(deposit_id, body.outcome, body.reason, body.payment)
        return ReviewedView.model_validate(deposit)

    @api.post(
        "/api/admin/deposits/{deposit_id}/refund",
        tags=["operators"],
        response_model=ReviewedView,
        **route(
            permission="corrections:manage",
            owner="any",
            audit="payments:deposit:refund",
            problems=(Conflict, ProviderUnavailable),
        ),
    )
    async def refund(
        deposit_id: DepositId, body: NewRefund, who: CurrentUser, key: IdempotencyKey
    ) -> Response:
        """Refund a deposit, or a part of it, by the provider. What the customer spent of it is owed."""

        async def work() -> Answer:
            refunded = await service.refunds.refund(deposit_id, body.amount, body.reason, who.user_id, key)
            return Answer(200, ReviewedView.model_validate(refunded))

        return await idempotent(answers, who, key, body, work)
