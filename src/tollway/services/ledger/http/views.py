"""What the ledger shows of itself, and how amounts are written: text, never numbers."""

from typing import Annotated, Literal, cast

import orjson
from pydantic import BaseModel, Field

from tollway.contracts.books import MONEY, USER, AssetKind
from tollway.fabric.rest import UtcTime
from tollway.kit.money import FIAT_SCALE, format_units, money_text
from tollway.services.ledger.model.records import StatementLine, TransactionStatus
from tollway.services.ledger.model.values import Account, AccountRef, Asset, LegKind
from tollway.services.ledger.service.gifts import Gift
from tollway.services.ledger.service.ledger import Explained, Inclusion

AmountText = Annotated[
    str, Field(description="Decimal text: whole units of money (20.00), units of access (1000000000)")
]


class AccountView(BaseModel):
    """What somebody holds of one asset. `held` is set aside by orders and open sessions.

    `opened_at` is null until something was booked on it.
    """

    id: str
    asset: str
    kind: AssetKind
    unit: str
    purpose: str
    balance: AmountText
    held: AmountText
    available: AmountText
    opened_at: UtcTime | None


class AccountList(BaseModel):
    items: list[AccountView]


class LineView(BaseModel):
    """A line of a statement: `in` came, `out` went. `balance` is what was there afterwards.

    What was paid for piece by piece, such as the use of one session, is one line: `parts` is of how many postings, and
    `transaction_id` names the last. With details each posting has its line, and so has what was held or released, which
    changes no balance.
    """

    transaction_id: str
    account_id: str
    asset: str
    kind: LegKind
    code: str
    direction: Literal["in", "out"]
    amount: AmountText
    balance: AmountText
    with_whom: str
    at: UtcTime
    meta: dict[str, str]
    parts: Annotated[int, Field(description="How many postings the line sums up")]


class LineList(BaseModel):
    items: list[LineView]
    next_cursor: str


class GiftView(BaseModel):
    transaction_id: str
    to_user_id: str
    asset: str
    amount: AmountText


class LegView(BaseModel):
    kind: LegKind
    asset: str
    amount: AmountText
    debit: str
    credit: str
    purpose: str


class LotUseView(BaseModel):
    """Units that were taken out of a lot, with their part of what the lot had cost."""

    lot_id: str
    quantity: AmountText
    cost_asset: str
    cost: AmountText


class LotView(BaseModel):
    """A lot that the transaction brought."""

    id: str
    asset: str
    quantity: AmountText
    cost_asset: str
    cost: AmountText
    expires_at: UtcTime | None


class SessionUseView(BaseModel):
    """What was charged for a metered session: `units` is what `cumulative` had grown by."""

    session_id: str
    units: AmountText
    cumulative: AmountText
    sequence: int


class SealView(BaseModel):
    """The proof (hexadecimal) that the transaction is in the sealed books: from `leaf` by `path` to `root`."""

    number: int
    place: int
    size: int
    leaf: str
    path: list[str]
    root: str
    previous: str
    hash: str
    signature: str
    signer: str


class TransactionView(BaseModel):
    """A transaction line by line, as one of its parties may see it."""

    id: str
    code: str
    status: TransactionStatus
    actor: str
    happened_at: UtcTime
    booked_at: UtcTime
    reverses: str
    legs: list[LegView]
    lots_opened: list[LotView]
    lots_used: list[LotUseView]
    use: list[SessionUseView]
    meta: dict[str, str]
    seal: SealView | None


def text_of(units: int, asset: Asset) -> str:
    """Render an amount for a reader; money of the usual scale with at least two decimals."""
    if asset.kind == MONEY and asset.scale == FIAT_SCALE:
        return money_text(units)
    return format_units(units, asset.scale)


def gift_view(gift: Gift) -> GiftView:
    return GiftView(
        transaction_id=gift.txn_id,
        to_user_id=gift.to_user_id,
        asset=gift.asset.code,
        amount=text_of(gift.amount, gift.asset),
    )


def account_view(account: Account, asset: Asset) -> AccountView:
    return AccountView(
        id=account.id,
        asset=asset.code,
        kind=cast("AssetKind", asset.kind),
        unit=asset.unit,
        purpose=account.ref.purpose,
        balance=text_of(account.balance, asset),
        held=text_of(account.debits_pending, asset),
        available=text_of(account.available, asset),
        opened_at=account.opened_at_us or None,
    )


def line_view(line: StatementLine, account_id: str, asset: Asset) -> LineView:
    return LineView(
        transaction_id=line.txn_id,
        account_id=account_id,
        asset=asset.code,
        kind=LegKind(line.kind),
        code=line.code,
        direction="out" if line.debit else "in",
        amount=text_of(line.debit or line.credit, asset),
        balance=text_of(line.balance, asset),
        with_whom=party(line.other),
        at=line.at_us,
        meta=orjson.loads(line.meta),
        parts=line.parts,
    )


def party(ref: AccountRef) -> str:
    """Name who is on the other side: a customer by id; what is the platform's has no name of its own."""
    return ref.owner_id if ref.owner_kind == USER else "platform"


def transaction_view(explained: Explained, mine: set[str], assets: dict[str, Asset]) -> TransactionView:
    entry, names = explained.entry, explained.names
    txn = entry.txn
    return TransactionView(
        id=txn.id,
        code=txn.code,
        status=TransactionStatus(txn.status),
        actor=txn.actor,
        happened_at=txn.event_at_us,
        booked_at=txn.created_at_us,
        reverses=txn.reverses or "",
        legs=[
            LegView(
                kind=LegKind(leg.kind),
                asset=leg.asset,
                amount=text_of(leg.amount, assets[leg.asset]),
                debit=party(names[leg.debit_id]),
                credit=party(names[leg.credit_id]),
                purpose=names[leg.credit_id].purpose,
            )
            for leg in entry.legs
        ],
        lots_opened=[
            LotView(
                id=lot.id,
                asset=lot.asset,
                quantity=text_of(lot.quantity, assets[lot.asset]),
                cost_asset=lot.cost_asset,
                cost=_cost(lot.cost, lot.cost_asset, assets),
                expires_at=lot.expires_at_us or None,
            )
            for lot in entry.lots
            if lot.account_id in mine
        ],
        lots_used=_lots_used(explained, mine, assets),
        use=[
            SessionUseView(
                session_id=one.session_id,
                units=str(one.units),
                cumulative=str(one.cumulative),
                sequence=one.sequence,
            )
            for one in entry.usage
        ],
        meta=orjson.loads(txn.meta),
        seal=_seal(explained.inclusion) if explained.inclusion else None,
    )


def _lots_used(explained: Explained, mine: set[str], assets: dict[str, Asset]) -> list[LotUseView]:
    return [
        LotUseView(
            lot_id=lot.id,
            quantity=text_of(move.quantity, assets[lot.asset]),
            cost_asset=lot.cost_asset,
            cost=_cost(move.cost, lot.cost_asset, assets),
        )
        for move in explained.entry.moves
        if (lot := explained.lots[move.lot_id]).account_id in mine
    ]


def _cost(cost: int, cost_asset: str, assets: dict[str, Asset]) -> str:
    return text_of(cost, assets[cost_asset]) if cost_asset else "0"


def _seal(proof: Inclusion) -> SealView:
    seal = proof.seal
    return SealView(
        number=seal.number,
        place=proof.place,
        size=seal.size,
        leaf=proof.leaf.hex(),
        path=[one.hex() for one in proof.path],
        root=seal.root.hex(),
        previous=seal.previous.hex(),
        hash=seal.hash.hex(),
        signature=seal.signature.hex(),
        signer=seal.signer.hex(),
    )
