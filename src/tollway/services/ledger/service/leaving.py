"""Customers who leave: what they hold stands in their way, unless they give it up; then it is taken."""

from collections.abc import Sequence

from tollway.contracts.books import AVAILABLE, MONEY, USER
from tollway.fabric.user_data import UserObstacle
from tollway.kit.money import format_units
from tollway.services.ledger.model.maintenance import Forfeiture
from tollway.services.ledger.model.values import Asset
from tollway.services.ledger.service.ledger import Ledger


async def obstacles(ledger: Ledger, user_id: str) -> Sequence[UserObstacle]:
    """Return a customer's balances, which can be given up, and what is held of them, which cannot."""
    assets = {asset.code: asset for asset in await ledger.assets()}
    found: list[UserObstacle] = []
    for account in await ledger.accounts(USER, user_id):
        if account.ref.purpose != AVAILABLE:
            continue  # what is owed is for payments to say
        asset = assets[account.ref.asset]
        if account.debits_pending:
            found.append(_held(asset, account.debits_pending))
        if account.available > 0:
            found.append(_balance(asset, account.available))
    return found


async def forfeit(ledger: Ledger, user_id: str) -> None:
    """Take what a customer who has left gave up, account by account; a repeat takes what is left."""
    assets = {asset.code: asset for asset in await ledger.assets()}
    for account in await ledger.accounts(USER, user_id):
        if account.ref.purpose == AVAILABLE:
            await ledger.batcher.submit(Forfeiture(account.ref, assets[account.ref.asset].kind))


def _balance(asset: Asset, units: int) -> UserObstacle:
    amount = f"{format_units(units, asset.scale)} {asset.unit}"
    detail = (
        f"{amount} are in your wallet: spend them or give them away, or give them up"
        if asset.kind == MONEY
        else f"{amount} of {asset.code} are left: use them or sell them, or give them up"
    )
    return UserObstacle(kind="balance", detail=detail, asset=asset.code, amount=units, forfeitable=True)


def _held(asset: Asset, units: int) -> UserObstacle:
    amount = f"{format_units(units, asset.scale)} {asset.unit}"
    detail = f"{amount} of {asset.code} are set aside for what is under way: end your connections and wait for orders"
    return UserObstacle(kind="hold", detail=detail, asset=asset.code, amount=units)
