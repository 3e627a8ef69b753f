"""Quotes and orders: offering, placing, looking, cancelling."""

import logging
from typing import TYPE_CHECKING

from tollway.contracts import catalog_pb2
from tollway.contracts.errors import IdempotencyKeyReused, PriceExceeded, QuoteStale, RequestInProgress
from tollway.contracts.events import OrderPlaced
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import is_id, new_id
from tollway.kit.money import money_text
from tollway.kit.paging import Page, decode_cursor, invalid_cursor, make_page
from tollway.kit.times import SECOND_US
from tollway.services.orders import store
from tollway.services.orders.model import (
    STOPPABLE,
    FailureReason,
    Move,
    Order,
    OrderState,
    Portfolio,
    Quote,
    Step,
    Terms,
)
from tollway.services.orders.service.portfolio import PortfolioReader
from tollway.services.orders.service.saga import Saga
from tollway.services.orders.settings import OrdersSettings

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

# Expired quotes are kept this long, so that "used or expired" can still be told from "never existed".
KEEP_QUOTES_US = 24 * 3600 * SECOND_US


class Orders:
    """Buying access. See the package docstring for what it promises.

    A portfolio is valued in `currency` when no other is named.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: OrdersSettings,
        catalog: "CatalogAsyncStub",
        ledger: "LedgerAsyncStub",
        *,
        currency: str,
    ) -> None:
        self.db = db
        self._clock = clock
        self._settings = settings
        self._catalog = catalog
        self._currency = currency
        self._process = Saga(db, ledger).process
        self._portfolio = PortfolioReader(clock, catalog, ledger)

    # ── quotes ──────────────────────────────────────────────────────────────────────────────────────

    async def quote(self, user_id: str, asset: str, quantity: int, currency: str) -> Quote:
        """Offer a price and keep it for a while. Raises UnknownAsset, Invalid, Unavailable."""
        terms = await self._terms(user_id, asset, quantity, currency)
        now_us = self._clock.now_us()
        expires_us = now_us + int(self._settings.quote_ttl_s * SECOND_US)
        quote = Quote(new_id("quo"), user_id, terms, now_us, expires_us)
        async with self.db.transaction() as tx:
            await store.add_quote(tx, quote)
        return quote

    # ── placing ─────────────────────────────────────────────────────────────────────────────────────

    async def place_quoted(self, user_id: str, quote_id: str, request_key: str) -> Order:
        """Buy at a quote. Raises QuoteStale when it was used or is too old, NotFound when it is not yours.

        The order that comes back may have failed, or not be settled yet; its state says so. The same
        `request_key` names the same order for ever, so a repeat returns it and buys nothing.
        """
        async with self.db.transaction() as tx:
            order = await store.find_by_request(tx, user_id, request_key)
            if order is not None and order.quote_id != quote_id:
                raise IdempotencyKeyReused
            if order is None:
                quote = await store.find_quote(tx, quote_id, user_id)
                if quote is None:
                    raise NotFound(f"there is no quote {quote_id}")
                order = self._new_order(user_id, quote.terms, quote_id, tx.now_us)
                if not await store.use_quote(tx, quote_id, order.id):
                    raise QuoteStale
                await self._write_down(tx, order, request_key)
        return await self._process.drive(order.id)

    async def place_market(
        self, user_id: str, asset: str, quantity: int, currency: str, max_price: int | None, request_key: str
    ) -> Order:
        """Buy at the price of the moment, if that is at most `max_price`, else raise PriceExceeded.

        Raises UnknownAsset, Invalid, Unavailable before anything is placed. The rest is as in `place_quoted`.
        """
        async with self.db.snapshot() as tx:
            order = await store.find_by_request(tx, user_id, request_key)
        if order is None:
            terms = await self._terms(user_id, asset, quantity, currency)
            if max_price is not None and terms.total > max_price:
                raise PriceExceeded(f"it costs {money_text(terms.total)} {currency} now")
            async with self.db.transaction() as tx:
                order = self._new_order(user_id, terms, "", tx.now_us)
                await self._write_down(tx, order, request_key)
        elif order.quote_id or (order.terms.asset, order.terms.quantity) != (asset, quantity):
            raise IdempotencyKeyReused
        return await self._process.drive(order.id)

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────

    async def order(self, user_id: str, order_id: str) -> tuple[Order, list[Step]]:
        """Return a user's own order and the steps it took. Raises NotFound."""
        async with self.db.snapshot() as tx:
            order = await _own(tx, user_id, order_id)
            return order, list(await store.steps_of(tx, order_id))

    async def orders(self, user_id: str, limit: int, cursor: str) -> Page[Order]:
        """Return a user's orders, newest first."""
        (before_id,) = decode_cursor(cursor, str) or ("",)
        if before_id and not is_id("ord", before_id):
            raise invalid_cursor()
        async with self.db.snapshot() as tx:
            rows = await store.list_orders(tx, user_id, before_id, limit + 1)
        return make_page(rows, limit, lambda order: [order.id])

    async def portfolio(self, user_id: str, currency: str) -> Portfolio:
        """Return what a user holds, valued in `currency` (the operator's own if empty). Raises Unavailable."""
        return await self._portfolio.of(user_id, currency or self._currency)

    # ── stopping, settling ──────────────────────────────────────────────────────────────────────────

    async def cancel(self, user_id: str, order_id: str) -> Order:
        """Undo an order that has not reached its pivot. Raises NotFound, or Conflict when it is too late.

        Cancelling what is cancelled already changes nothing.
        """
        async with self.db.transaction() as tx:
            order = await _own(tx, user_id, order_id)
            stop = Move(OrderState.RELEASING, FailureReason.CANCELLED)
            while order.state in STOPPABLE and not await store.move_order(tx, order_id, order.state, stop):
                order = await _own(tx, user_id, order_id)  # a driver was faster; look again
            if order.state not in STOPPABLE and order.reason != FailureReason.CANCELLED:
                raise Conflict(f"the order is {order.state} and cannot be cancelled any more")
        return await self._process.drive(order_id)

    async def advance(self, order_id: str) -> Order:
        """Drive an order to its end. Raises what the ledger does not answer with, and is then repeated."""
        return await self._process.advance(order_id)

    async def resume_stuck(self) -> None:
        """Drive every order that stood still for a while; what a lost job or a crash left behind."""
        idle_since_us = self._clock.now_us() - int(self._settings.stuck_after_s * SECOND_US)
        await self._process.resume(
            lambda tx, after_id, limit: store.stuck_orders(tx, idle_since_us, after_id, limit)
        )

    async def drop_old_quotes(self) -> None:
        """Forget quotes that expired long ago and were never used."""
        async with self.db.transaction() as tx:
            await store.drop_quotes(tx, tx.now_us - KEEP_QUOTES_US)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    async def _terms(self, user_id: str, asset: str, quantity: int, currency: str) -> Terms:
        line = await self._catalog.Price(
            catalog_pb2.PriceRequest(
                asset=asset, quantity=quantity, currency=currency, buyer=user_id, side=catalog_pb2.SIDE_BUY
            )
        )
        return Terms(
            asset,
            quantity,
            currency,
            price=line.net + line.tax,
            fee=line.fee,
            ask_per_lot=line.ask_per_lot,
            lot_units=line.lot_units,
            validity_us=line.validity_us,
        )

    def _new_order(self, user_id: str, terms: Terms, quote_id: str, now_us: int) -> Order:
        settle_by_us = now_us + int(self._settings.settle_within_s * SECOND_US)
        return Order(
            id=new_id("ord"),
            user_id=user_id,
            terms=terms,
            quote_id=quote_id,
            state=OrderState.PLACED,
            turned_from="",
            reason="",
            transaction_id="",
            funds_hold_id=new_id("hld"),
            fee_hold_id=new_id("hld") if terms.fee else "",
            capacity_hold_id=new_id("hld"),
            lot_expires_at_us=now_us + terms.validity_us if terms.validity_us else 0,
            settle_by_us=settle_by_us,
            holds_expire_at_us=settle_by_us + int(self._settings.hold_margin_s * SECOND_US),
            created_at_us=now_us,
            updated_at_us=now_us,
        )

    async def _write_down(self, tx: Tx, order: Order, request_key: str) -> None:
        if not await store.add_order(tx, order, request_key):
            raise RequestInProgress(retry_after_s=1)
        self._process.enqueue(tx, order.id)
        tx.publish(
            OrderPlaced(
                order_id=order.id,
                user_id=order.user_id,
                asset=order.terms.asset,
                quantity=order.terms.quantity,
                currency=order.terms.currency,
                price=order.terms.price,
            )
        )


async def _own(tx: Tx, user_id: str, order_id: str) -> Order:
    order = await store.find_order(tx, order_id)
    if order is None or order.user_id != user_id:
        raise NotFound(f"there is no order {order_id}")
    return order
