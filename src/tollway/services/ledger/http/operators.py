"""The books of every customer, for operators."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from tollway.contracts.books import USER
from tollway.fabric.rest import Paging, UserPath, UtcTime, route
from tollway.services.ledger.http.filters import AssetQuery, Prove, TransactionPath, Wanted
from tollway.services.ledger.http.views import (
    AccountList,
    LineList,
    TransactionView,
    account_view,
    line_view,
    transaction_view,
)
from tollway.services.ledger.model.values import Asset
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.service.books import Books
from tollway.services.ledger.service.standing import standing


class BooksOverview(BaseModel):
    """How the books stand. Each transaction is sealed within seconds; one that stays unsealed needs a person."""

    model_config = ConfigDict(from_attributes=True)

    transactions: Annotated[int, Field(description="How many transactions the books hold")]
    seal: Annotated[int, Field(description="The number of the last seal; 0 when there is none")]
    sealed_at: Annotated[UtcTime | None, Field(description="When it was made; null when there is none")]
    unsealed: Annotated[bool, Field(description="Whether there are transactions after the last seal")]
    ok: Annotated[
        bool | None,
        Field(description="Whether they held when they were last verified; null: they never were"),
    ]
    findings: Annotated[list[str], Field(description="What did not hold then, at most 100 sentences")]
    gave_up: Annotated[
        int, Field(description="Jobs and events that were tried too often and wait for a person")
    ]


READ = route(permission="wallets:read", owner="any")


def add_routes(api: APIRouter, service: Ledger, whole: Books) -> None:
    """Add the operators' routes."""

    async def known_assets() -> dict[str, Asset]:
        return {asset.code: asset for asset in await service.assets()}

    @api.get("/api/admin/users/{user_id}/accounts", tags=["operators"], **READ)
    async def customers_accounts(user_id: UserPath) -> AccountList:
        """List what a customer holds, with one account in every currency."""
        assets = await known_assets()
        found = await service.wallet(user_id)
        return AccountList(items=[account_view(one, assets[one.ref.asset]) for one in found])

    @api.get("/api/admin/users/{user_id}/transactions", tags=["operators"], **READ)
    async def customers_transactions(
        user_id: UserPath, page: Paging, only: Wanted, asset: AssetQuery = ""
    ) -> LineList:
        """List what happened on all accounts of a customer, or on those of one asset, newest first."""
        assets = await known_assets()
        found = await service.transactions(USER, user_id, page.limit, page.cursor, only, asset)
        lines = [line_view(one, id_, assets[one.other.asset]) for id_, one in found.items]
        return LineList(items=lines, next_cursor=found.next_cursor)

    @api.get("/api/admin/overview/books", tags=["operators"], **route(permission="books:read", owner="any"))
    async def books() -> BooksOverview:
        """Show how many transactions the books hold, up to where they are sealed, and whether they held."""
        stand, verdict = await standing(service.db), (await whole.verification.read()).result or {}
        return BooksOverview(**stand._asdict(), ok=verdict.get("ok"), findings=verdict.get("findings", []))

    @api.get("/api/admin/transactions/{transaction_id}", tags=["operators"], **READ)
    async def explain_any(transaction_id: TransactionPath, *, prove: Prove = False) -> TransactionView:
        """Explain anybody's transaction line by line; with `prove`, show its place in the sealed books."""
        explained = await service.explain(transaction_id, prove=prove)
        return transaction_view(explained, set(explained.names), await known_assets())
