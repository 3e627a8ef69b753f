"""What quotes, orders and holdings are. Pure: no clock, no database, no service API.

quotes.py     the terms of a trade, and a quote of them
orders.py     an order and its states
portfolio.py  holdings, and what they are worth
"""

from tollway.services.orders.model.orders import (
    OPEN,
    STOPPABLE,
    FailureReason,
    Move,
    Order,
    OrderState,
    Step,
)
from tollway.services.orders.model.portfolio import (
    Cash,
    CostBasis,
    HeldLot,
    Holding,
    Portfolio,
    cost_bases,
    market_value,
)
from tollway.services.orders.model.quotes import Quote, Side, Terms

__all__ = [
    "OPEN",
    "STOPPABLE",
    "Cash",
    "CostBasis",
    "FailureReason",
    "HeldLot",
    "Holding",
    "Move",
    "Order",
    "OrderState",
    "Portfolio",
    "Quote",
    "Side",
    "Step",
    "Terms",
    "cost_bases",
    "market_value",
]
