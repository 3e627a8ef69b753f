"""All of the books, for operators: accounts, transactions, and whether they hold."""

from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tollway.contracts.books import AssetKind, OwnerKind
from tollway.fabric.jobs import LongRun
from tollway.fabric.rest import (
    PRINTABLE,
    CurrentUser,
    LongRunView,
    PageQuery,
    Paging,
    TimeQuery,
    UtcTime,
    long_run_fields,
    read_time,
    route,
    sorted_by,
)
from tollway.services.ledger.http.filters import AccountPath, AssetQuery, Wanted
from tollway.services.ledger.http.views import AmountText, LineList, line_view, text_of
from tollway.services.ledger.model.records import TransactionStatus
from tollway.services.ledger.model.values import Account, Asset
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.service.books import Books, Moved
from tollway.services.ledger.store.listing import AccountFilter, TransactionFilter

READ = route(permission="books:read", owner="any")

AccountPage = Annotated[PageQuery, sorted_by("owner", "-owner", "opened_at", "-opened_at")]
TransactionPage = Annotated[PageQuery, sorted_by("-booked_at", "booked_at")]


class BooksAccount(BaseModel):
    """An account of anybody. `held` is set aside by orders and open sessions."""

    id: str
    owner_kind: OwnerKind = Field(description="Whether a customer has it, or the platform")
    owner_id: str = Field(description="The customer, `usr_…`, or the service that keeps it")
    asset: str
    kind: AssetKind
    unit: str
    purpose: str
    balance: AmountText
    held: AmountText
    available: AmountText
    opened_at: UtcTime


class BooksAccountList(BaseModel):
    items: list[BooksAccount]
    next_cursor: str


class MovedView(BaseModel):
    asset: str
    kind: AssetKind
    amount: AmountText


class BooksTransaction(BaseModel):
    """A transaction in short. `moved` has what its legs come to, by asset; what is only held is left out."""

    id: str
    code: str
    status: TransactionStatus
    reason: str = Field(description="Why it was rejected; empty when it was not")
    actor: str
    booked_at: UtcTime
    moved: list[MovedView] = Field(description="What its legs come to, by asset")


class BooksTransactionList(BaseModel):
    """A page may be short, or empty, with a `next_cursor`: for each, only some thousands are looked at."""

    items: list[BooksTransaction]
    next_cursor: str


class BooksVerdict(BaseModel):
    """What a verification came to."""

    ok: bool = Field(description="Whether everything holds")
    findings: list[str] = Field(description="What does not hold, at most 100 sentences")
    transactions: int = Field(description="How many transactions there are")
    legs: int = Field(description="How many movements between two accounts they have")
    accounts: int = Field(description="How many accounts there are")
    seals: int = Field(description="How many seals")
    unsealed: int = Field(description="Transactions that were not sealed yet")
    head: str = Field(description="Hash of the last seal: note it elsewhere to compare later")


class BooksVerification(LongRunView):
    """The last verification of the books."""

    verdict: BooksVerdict | None = Field(description="What it came to; null until it is done")


def add_routes(api: APIRouter, service: Ledger, books: Books) -> None:
    """Add the routes."""
    _accounts(api, service, books)
    _transactions(api, service, books)
    _verification(api, books)


def _accounts(api: APIRouter, service: Ledger, books: Books) -> None:
    @api.get("/api/admin/ledger/accounts", tags=["operators"], **READ)
    async def accounts(
        page: AccountPage,
        owner_kind: Annotated[OwnerKind | None, Query(description="Of customers, or of the platform")] = None,
        owner_id: Annotated[
            str,
            Query(max_length=100, pattern=PRINTABLE, description="Of this customer, or of this service"),
        ] = "",
        asset: AssetQuery = "",
    ) -> BooksAccountList:
        """List every account, by owner or by when it was opened."""
        assets = await _assets(service)
        only = AccountFilter(owner_kind or "", owner_id.strip(), asset)
        by = page.sort.removeprefix("-")
        found = await books.accounts(only, page.limit, page.cursor, by=by, descending=page.descending)
        items = [_account(one, assets[one.ref.asset]) for one in found.items]
        return BooksAccountList(items=items, next_cursor=found.next_cursor)

    @api.get("/api/admin/ledger/accounts/{account_id}/statement", tags=["operators"], **READ)
    async def statement(account_id: AccountPath, page: Paging, only: Wanted) -> LineList:
        """List what happened on anybody's account, newest first."""
        account = await service.account(account_id)
        assets = await _assets(service)
        found = await service.statement(account_id, page.limit, page.cursor, only)
        lines = [line_view(one, account.id, assets[account.ref.asset]) for one in found.items]
        return LineList(items=lines, next_cursor=found.next_cursor)


def _transactions(api: APIRouter, service: Ledger, books: Books) -> None:
    @api.get("/api/admin/ledger/transactions", tags=["operators"], **READ)
    async def transactions(
        page: TransactionPage,
        code: Annotated[
            str, Query(pattern=r"^[a-z_]{0,40}$", description="Only one kind, such as `buy`; absent: all")
        ] = "",
        status: Annotated[
            Literal["applied", "rejected"] | None, Query(description="Only what was booked, or was not")
        ] = None,
        since: TimeQuery = "",
        until: TimeQuery = "",
    ) -> BooksTransactionList:
        """List every transaction, newest first."""
        assets = await _assets(service)
        times = read_time("since", since), read_time("until", until)
        found = await books.transactions(
            TransactionFilter(code, status or "", *times),
            page.limit,
            page.cursor,
            descending=page.descending,
        )
        items = [_transaction(one, assets) for one in found.items]
        return BooksTransactionList(items=items, next_cursor=found.next_cursor)


def _verification(api: APIRouter, books: Books) -> None:
    @api.get("/api/admin/ledger/verification", tags=["operators"], **READ)
    async def verification() -> BooksVerification:
        """Show how far the verification of the books is, or what the last one came to."""
        return _verdict(await books.verification.read())

    @api.post(
        "/api/admin/ledger/verification",
        status_code=202,
        tags=["operators"],
        **route(permission="books:manage", owner="any", limit="verification", audit="ledger:books:verify"),
    )
    async def verify(who: CurrentUser) -> BooksVerification:
        """Have the books recomputed from the first transaction on. While they are, this changes nothing."""
        return _verdict(await books.request_verification(who.user_id))


def _account(account: Account, asset: Asset) -> BooksAccount:
    return BooksAccount(
        id=account.id,
        owner_kind=cast("OwnerKind", account.ref.owner_kind),
        owner_id=account.ref.owner_id,
        asset=asset.code,
        kind=cast("AssetKind", asset.kind),
        unit=asset.unit,
        purpose=account.ref.purpose,
        balance=text_of(account.balance, asset),
        held=text_of(account.debits_pending, asset),
        available=text_of(account.available, asset),
        opened_at=account.opened_at_us,
    )


def _transaction(one: Moved, assets: dict[str, Asset]) -> BooksTransaction:
    txn = one.txn
    return BooksTransaction(
        id=txn.id,
        code=txn.code,
        status=TransactionStatus(txn.status),
        reason=txn.reason,
        actor=txn.actor,
        booked_at=txn.created_at_us,
        moved=[
            MovedView(
                asset=code,
                kind=cast("AssetKind", assets[code].kind),
                amount=text_of(amount, assets[code]),
            )
            for code, amount in one.amounts.items()
        ],
    )


def _verdict(run: LongRun) -> BooksVerification:
    found = BooksVerdict.model_validate(run.result) if run.result else None
    return BooksVerification.model_validate({**long_run_fields(run), "verdict": found})


async def _assets(service: Ledger) -> dict[str, Asset]:
    return {asset.code: asset for asset in await service.assets()}
