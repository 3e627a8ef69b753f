"""Orders: placing, looking, cancelling."""

from collections.abc import Sequence
from typing import NamedTuple

from tollway.contracts.errors import IdempotencyKeyReused, PriceExceeded, QuoteStale, RequestInProgress
from tollway.contracts.events import OrderPlaced
from tollway.fabric import dead_letters
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import DurableProcess
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import is_id, new_id
from tollway.kit.money import money_text
from tollway.kit.paging import Page, decode_cursor, invalid_cursor, make_page
from tollway.kit.times import DAY_US, SECOND_US, seconds_until
from tollway.services.orders import store
from tollway.services.orders.model import (
    STOPPABLE,
    FailureReason,
    Move,
    Order,
    OrderState,
    Step,
    Terms,
)
from tollway.services.orders.service.quotes import Quotes
from tollway.services.orders.settings import OrdersSettings


class Sales(NamedTuple):
    """How the market does: revenue by currency, open orders, those that stand still, and work that gave up."""

    revenue: list[store.Revenue]
    open_orders: int
    idle_orders: int
    gave_up: int


class Market:
    """Buys access. `process` drives each order to its end. See the package docstring for what it promises."""

    def __init__(
        self,
        db: Database,
        settings: OrdersSettings,
        quotes: Quotes,
        process: DurableProcess[Order, Move],
    ) -> None:
        self._db = db
        self._settings = settings
        self._quotes = quotes
        self.process = process

    # ── placing ─────────────────────────────────────────────────────────────────────────────────────

    async def place_quoted(self, user_id: str, quote_id: str, request_key: str) -> Order:
        """Buy at a quote. Raises QuoteStale when it was used or is too old, NotFound when it is not yours.

        The order that comes back may have failed, or not be settled yet; its state says so. The same
        `request_key` names the same order for ever, so a repeat returns it and buys nothing.
        """
        async with self._db.transaction() as tx:
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
        return await self.process.drive(order.id)

    async def place(
        self, user_id: str, asset: str, quantity: int, currency: str, max_price: int | None, request_key: str
    ) -> Order:
        """Buy at the price of the moment, if that is at most `max_price`, else raise PriceExceeded.

        Raises UnknownAsset, Invalid, Unavailable before anything is placed. The rest is as in `place_quoted`.
        """
        async with self._db.snapshot() as tx:
            order = await store.find_by_request(tx, user_id, request_key)
        if order is None:

            async def write(tx: Tx, terms: Terms) -> Order:
                if max_price is not None and terms.total > max_price:
                    raise PriceExceeded(f"it costs {money_text(terms.total)} {currency} now")
                fresh = self._new_order(user_id, terms, "", tx.now_us)
                await self._write_down(tx, fresh, request_key)
                return fresh

            order = await self._quotes.promise(user_id, asset, quantity, currency, write)
        elif order.quote_id or (order.terms.asset, order.terms.quantity) != (asset, quantity):
            raise IdempotencyKeyReused
        return await self.process.drive(order.id)

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────

    async def get(self, user_id: str, order_id: str) -> tuple[Order, list[Step]]:
        """Return a user's own order and the steps it took. Raises NotFound."""
        async with self._db.snapshot() as tx:
            order = await _own(tx, user_id, order_id)
            return order, list(await store.steps_of(tx, order_id))

    async def list(self, user_id: str, limit: int, cursor: str) -> Page[Order]:
        """Return a user's orders, newest first."""
        return await self.search(user_id, None, limit, cursor, newest_first=True)

    async def search(
        self, user_id: str, state: OrderState | None, limit: int, cursor: str, *, newest_first: bool
    ) -> Page[Order]:
        """Return the orders of a user, or of all when empty, in one state or any, by when they were placed."""
        (after_id,) = decode_cursor(cursor, str) or ("",)
        if after_id and not is_id("ord", after_id):
            raise invalid_cursor()
        only = store.OrderFilter(user_id, state)
        async with self._db.snapshot() as tx:
            rows = await store.list_orders(tx, only, after_id, limit + 1, newest_first=newest_first)
        return make_page(rows, limit, lambda order: [order.id])

    async def look_up(self, order_id: str) -> tuple[Order, Sequence[Step]]:
        """Return anybody's order and the steps it took. Raises NotFound."""
        async with self._db.snapshot() as tx:
            order = await store.find_order(tx, order_id)
            if order is None:
                raise NotFound(f"there is no order {order_id}")
            return order, await store.steps_of(tx, order_id)

    async def sales(self) -> Sales:
        """Return what was sold today (UTC), in 7 and in 30 days, and which orders do not go on."""
        now_us = self._db.clock.now_us()
        today_us = now_us - now_us % DAY_US
        since_us = (today_us, now_us - 7 * DAY_US, now_us - 30 * DAY_US)
        idle_since_us = now_us - int(self._settings.stuck_after_s * SECOND_US)
        async with self._db.snapshot() as tx:
            is_open, idle = await store.count_open(tx, idle_since_us)
            return Sales(await store.revenue(tx, since_us), is_open, idle, await dead_letters.count(tx))

    # ── stopping, settling ──────────────────────────────────────────────────────────────────────────

    async def cancel(self, user_id: str, order_id: str) -> Order:
        """Undo an order that has not reached its pivot. Raises NotFound, or Conflict when it is too late.

        Cancelling what is cancelled already changes nothing.
        """
        async with self._db.transaction() as tx:
            order = await _own(tx, user_id, order_id)
            stop = Move(OrderState.RELEASING, FailureReason.CANCELLED)
            while order.state in STOPPABLE and not await store.move_order(tx, order_id, order.state, stop):
                order = await _own(tx, user_id, order_id)  # a driver was faster; look again
            if order.state not in STOPPABLE and order.reason != FailureReason.CANCELLED:
                raise Conflict(f"the order is {order.state} and cannot be cancelled any more")
        return await self.process.drive(order_id)

    async def resume_stuck(self) -> float:
        """Drive every order that stood still for a while; what a lost job or a crash left behind.

        Returns for how many seconds none will have stood still for so long.
        """
        patience_us = int(self._settings.stuck_after_s * SECOND_US)
        idle_since_us = self._db.clock.now_us() - patience_us
        await self.process.resume(
            lambda tx, after_id, limit: store.stuck_orders(tx, idle_since_us, after_id, limit)
        )
        async with self._db.snapshot() as tx:
            oldest_us = await store.oldest_move_us(tx)
        return seconds_until(None if oldest_us is None else oldest_us + patience_us, self._db.clock.now_us())

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

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
        self.process.enqueue(tx, order.id)
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
