"""The ledger's REST side: a customer's accounts, statements and transactions, and giving to somebody else."""

from collections.abc import AsyncIterator
from typing import Annotated, Self

import orjson
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import Field, model_validator

from tollway.contracts.books import USER
from tollway.contracts.errors import AccountSuspended, ReceiverUnavailable, UnknownAsset
from tollway.fabric.rest import (
    CHECKOUT_TIME_LIMIT_S,
    FILES,
    PRINTABLE,
    Answer,
    AnswerStore,
    Body,
    Column,
    CurrentUser,
    FormatQuery,
    IdempotencyKey,
    Paging,
    idempotent,
    route,
    send_table,
)
from tollway.kit.errors import Conflict, InsufficientFunds, NotFound
from tollway.services.ledger.http import analytics, books
from tollway.services.ledger.http.filters import AccountPath, AssetQuery, Prove, TransactionPath, Wanted
from tollway.services.ledger.http.operators import add_routes
from tollway.services.ledger.http.views import (
    AccountList,
    GiftView,
    LineList,
    TransactionView,
    account_view,
    gift_view,
    line_view,
    party,
    text_of,
    transaction_view,
)
from tollway.services.ledger.model.records import StatementFilter, StatementLine
from tollway.services.ledger.model.values import Asset
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.service.books import Books
from tollway.services.ledger.service.gifts import Gifts

READ = route(permission="wallet:read", time_limit_s=CHECKOUT_TIME_LIMIT_S)
READ_TRANSACTIONS = route(permission="transactions:read", time_limit_s=CHECKOUT_TIME_LIMIT_S)

EXPORT_PAGE = 1_000
COLUMNS = (
    Column("at", "time"),
    *(Column(name) for name in ("code", "asset", "direction", "amount", "balance", "with_whom", "note")),
    Column("parts", "integer"),
    *(Column(name) for name in ("transaction_id", "account_id", "meta")),
)


class GiftRequest(Body):
    """What to give to whom: to a customer's id, or to their e-mail address. The asset must be transferable."""

    to_user_id: Annotated[str, Field(pattern=r"^usr_[0-9a-zA-Z_]{1,60}$")] | None = None
    to_email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    asset: Annotated[str, Field(min_length=1, max_length=100, examples=["bandwidth.datacenter.standard"])]
    amount: Annotated[str, Field(max_length=40, examples=["1000000000", "5.00"])]
    note: Annotated[str, Field(max_length=200, pattern=PRINTABLE)] = ""

    @model_validator(mode="after")
    def _one_receiver(self) -> Self:
        if (self.to_user_id is None) == (self.to_email is None):
            raise ValueError("send either to_user_id or to_email")
        return self


def router(service: Ledger, gifts: Gifts, answers: AnswerStore, whole: Books) -> APIRouter:
    """Make the routes of the ledger."""
    api = APIRouter(tags=["wallet"])
    _accounts(api, service)
    _transactions(api, service)
    _gifts(api, gifts, answers)
    add_routes(api, service, whole)
    analytics.add_routes(api, service)
    books.add_routes(api, service, whole)
    return api


def _accounts(api: APIRouter, service: Ledger) -> None:
    @api.get("/api/accounts", **READ)
    async def accounts(who: CurrentUser) -> AccountList:
        """List your accounts. You have one in every currency, also before anything was booked on it."""
        assets = await _assets(service)
        found = await service.wallet(who.user_id)
        return AccountList(items=[account_view(account, assets[account.ref.asset]) for account in found])

    @api.get("/api/accounts/{account_id}/statement", **READ)
    async def statement(account_id: AccountPath, who: CurrentUser, page: Paging, only: Wanted) -> LineList:
        """List what happened on one of your accounts, newest first. The lines add up to the balance."""
        mine = {one.id: one for one in await service.wallet(who.user_id)}
        if (account := mine.get(account_id)) is None:
            raise NotFound(f"there is no account {account_id}")
        assets = await _assets(service)
        found = await service.statement(account_id, page.limit, page.cursor, only)
        lines = [line_view(one, account.id, assets[account.ref.asset]) for one in found.items]
        return LineList(items=lines, next_cursor=found.next_cursor)


def _transactions(api: APIRouter, service: Ledger) -> None:
    @api.get("/api/transactions", **READ_TRANSACTIONS)
    async def transactions(who: CurrentUser, page: Paging, only: Wanted, asset: AssetQuery = "") -> LineList:
        """List what happened on all your accounts, or on those of one asset, newest first."""
        assets = await _assets(service)
        found = await service.transactions(USER, who.user_id, page.limit, page.cursor, only, asset)
        lines = [line_view(one, id_, assets[one.other.asset]) for id_, one in found.items]
        return LineList(items=lines, next_cursor=found.next_cursor)

    async def rows(user_id: str, only: StatementFilter, asset: str) -> AsyncIterator[tuple[str | int, ...]]:
        assets, cursor = await _assets(service), ""
        while True:
            found = await service.transactions(USER, user_id, EXPORT_PAGE, cursor, only, asset)
            for account_id, line in found.items:
                yield _row(line, account_id, assets[line.other.asset])
            if not (cursor := found.next_cursor):
                return

    @api.get(
        "/api/transactions/export",
        responses=FILES,
        response_class=StreamingResponse,
        **route(permission="transactions:read", kind="stream"),
    )
    async def export(
        who: CurrentUser,
        only: Wanted,
        format: FormatQuery = "csv",  # noqa: A002  the name of the parameter
        asset: AssetQuery = "",
    ) -> StreamingResponse:
        """Return the lines of your statement as a file, newest first, of any length."""
        return send_table("tollway-statement", format, COLUMNS, rows(who.user_id, only, asset))

    @api.get("/api/transactions/{transaction_id}", **READ_TRANSACTIONS)
    async def explain(
        transaction_id: TransactionPath, who: CurrentUser, *, prove: Prove = False
    ) -> TransactionView:
        """Explain one of your transactions line by line; with `prove`, show its place in the sealed books."""
        explained = await service.explain(transaction_id, prove=prove)
        mine = {
            id_
            for id_, ref in explained.names.items()
            if (ref.owner_kind, ref.owner_id) == (USER, who.user_id)
        }
        if not mine:
            raise NotFound(f"there is no transaction {transaction_id}")
        return transaction_view(explained, mine, await _assets(service))


def _gifts(api: APIRouter, gifts: Gifts, answers: AnswerStore) -> None:
    @api.post(
        "/api/transactions",
        status_code=201,
        response_model=GiftView,
        **route(
            time_limit_s=CHECKOUT_TIME_LIMIT_S,
            permission="transactions:write",
            audit="ledger:transaction:give",
            problems=(
                InsufficientFunds,
                NotFound,
                UnknownAsset,
                AccountSuspended,
                Conflict,
                ReceiverUnavailable,
            ),
        ),
    )
    async def give(body: GiftRequest, who: CurrentUser, key: IdempotencyKey) -> Response:
        """Give some of what you hold to another customer, by id or by e-mail address. They get an e-mail."""

        async def work() -> Answer:
            to = body.to_user_id or body.to_email or ""
            made = await gifts.give(who.user_id, to, body.asset, body.amount, key=key, note=body.note)
            return Answer(201, gift_view(made))

        return await idempotent(answers, who, key, body, work)


def _row(line: StatementLine, account_id: str, asset: Asset) -> tuple[str | int, ...]:
    meta: dict[str, str] = orjson.loads(line.meta)
    return (
        line.at_us,
        line.code,
        asset.code,
        "out" if line.debit else "in",
        text_of(line.debit or line.credit, asset),
        text_of(line.balance, asset),
        party(line.other),
        meta.get("note") or meta.get("reason", ""),
        line.parts,
        line.txn_id,
        account_id,
        line.meta,
    )


async def _assets(service: Ledger) -> dict[str, Asset]:
    return {asset.code: asset for asset in await service.assets()}
